"""Gradients of a prediction's loss in the embeddings of its word pieces."""

from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Iterator

import torch
from allennlp.common.checks import ConfigurationError
from allennlp.common.util import JsonDict
from allennlp.data import Batch, Instance
from allennlp.nn.util import move_to_device
from allennlp.training.metrics import Metric
from torch import Tensor

from bert_classification.data.text_field import check_num_pieces
from bert_classification.predictor import TOKEN_BUDGET, BertPredictor, with_settings

MAX_PIECES = 2048
"""Gradients keep everything that was computed of every word piece."""


def check_studied(predictor: BertPredictor) -> None:
    """Raises `ConfigurationError` for a task without labels, and where there are no gradients."""
    if not predictor.segment_keys:
        raise ConfigurationError(
            f"{type(predictor).__name__}: of this task no label can be led back to words."
        )
    if predictor._dataset_reader.tokenizer is None:
        raise ConfigurationError(
            "`dataset_reader` does not say which word pieces it makes; expected one with a token "
            "indexer of the type `bert-pretrained`."
        )
    if predictor.precision == "int8":
        raise ConfigurationError(
            "`precision` is int8, which has no gradients; expected float32 or bfloat16."
        )


def build(predictor: BertPredictor, record: JsonDict) -> tuple[Any, Instance]:
    """
    Makes the example of a record, and its instance.

    # Raises

    `RecordError` when the record is not what the task expects, or has more than `MAX_PIECES`.
    """
    example = predictor._parse(record)
    if isinstance(example, Exception):
        raise example
    (instance,) = predictor._dataset_reader.instances_or_errors([example])
    if isinstance(instance, Exception):
        raise instance
    check_num_pieces(instance, MAX_PIECES, "word importance is told")
    return example, instance


def label_as_predicted(predictor: BertPredictor, instance: Instance) -> Instance:
    """Labels an instance with what the model predicts."""
    with metrics_apart(predictor):
        outputs = plain_model(predictor).forward_on_instance(instance)
    return predictor.predictions_to_labeled_instances(instance, outputs)[0]


def piece_embeddings(predictor: BertPredictor, instance: Instance) -> Tensor:
    """Looks up the embeddings of the pieces of a labelled instance, shape `(pieces, width)`."""
    layer = predictor.get_interpretable_layer()
    ids: Any = instance["tokens"].ids  # type: ignore[attr-defined]
    return layer.weight.detach()[torch.from_numpy(ids).long().to(layer.weight.device)]


def piece_gradients(
    predictor: BertPredictor, instance: Instance, factors: Tensor
) -> tuple[Tensor, list[float]]:
    """
    Computes gradients of the loss of a labelled instance, in as few runs of BERT as there is room
    for.

    # Parameters

    factors : `Tensor`, shape `(times, pieces)`
        What the embedding of each piece is multiplied by, each time.

    # Returns

    The gradients in the embeddings so multiplied, shape `(times, pieces, width)`, and the mean loss
    of each run.
    """
    at_once = max(1, TOKEN_BUDGET // factors.size(1))
    with metrics_apart(predictor):
        runs = [_run(predictor, instance, part) for part in factors.split(at_once)]
    return torch.cat([gradients for gradients, _ in runs]), [loss for _, loss in runs]


def _run(predictor: BertPredictor, instance: Instance, factors: Tensor) -> tuple[Tensor, float]:
    times, pieces = factors.shape
    batch = Batch([instance] * times)
    batch.index_instances(predictor._model.vocab)
    tensors = move_to_device(batch.as_tensor_dict(), predictor.cuda_device)
    embedded: list[Tensor] = []

    def multiply(module: torch.nn.Module, inputs: Any, output: Tensor) -> Tensor:
        # (times * pieces, width), whatever stands in a row.
        rows = output.detach().flatten(0, -2) * factors.to(output).view(-1, 1)
        embedded.append(rows.view_as(output).requires_grad_())
        return embedded[-1]

    handle = predictor.get_interpretable_layer().register_forward_hook(multiply)
    try:
        with torch.enable_grad():
            loss = plain_model(predictor)(**tensors)["loss"]
            (gradients,) = torch.autograd.grad(loss, embedded)
    finally:
        handle.remove()
    # The loss is the mean over the batch, whose instances are one and the same.
    return gradients.view(times, pieces, -1) * times, loss.item()


def plain_model(predictor: BertPredictor) -> Any:
    """
    Gives the model as it reads all texts of a record as one row: without the hidden states and
    attentions that its archive may ask for.
    """
    model = predictor._model
    plain = replace(model.text_input, output_hidden_states=False, output_attentions=False)
    return with_settings(model, text_input=plain)


@contextmanager
def metrics_apart(predictor: BertPredictor) -> Iterator[None]:
    """Lets a model's metrics forget what was counted inside."""
    try:
        yield
    finally:
        for module in predictor._model.modules():
            for value in vars(module).values():
                if isinstance(value, Metric):
                    value.reset()
