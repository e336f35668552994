"""A BERT checkpoint, with the head of a task."""

import logging
from contextlib import contextmanager
from typing import Any, Iterator, Mapping, Optional, Sequence, TypeVar, Union

import torch
from allennlp.common.checks import ConfigurationError
from transformers import BertConfig, BertModel, BertPreTrainedModel
from transformers.utils import logging as hf_logging

from bert_classification import archived_bert, archives
from bert_classification.bert_config import read_config
from bert_classification.checkpoint_labels import (
    arrange_rows,
    check_problem_type,
    label_settings,
    renew,
)
from bert_classification.checkpoint_pieces import check_same_pieces, cls_id
from bert_classification.dropout import set_dropout

logger = logging.getLogger(__name__)

Head = TypeVar("Head", bound=BertPreTrainedModel)


def load_pretrained(
    head_class: type[Head],
    bert_model: Union[str, BertModel],
    serialization_dir: Optional[str] = None,
    labels: Optional[Sequence[str]] = None,
    fresh_head: bool = False,
    **config: Any,
) -> tuple[Head, bool]:
    """
    A BERT with the head of a task.

    # Parameters

    head_class : `Type[BertPreTrainedModel]`
        A `BertFor...` class of transformers.
    bert_model : `Union[str, BertModel]`
        A directory, a name on the model hub, an archive of ours or the directory of its training,
        or a `BertModel` that gets a fresh head, and loses its pooler where the head has no use for
        one.
    serialization_dir : `str`, optional
        Given by AllenNLP. Training keeps the configuration there; where weights lie beside it
        already, of an archive or of an interrupted run, the model is built from it alone and
        `bert_model` is not looked at.
    labels : `Sequence[str]`, optional
        The labels of the data, for a head whose final layer `classifier` has a row for each. A
        checkpoint that was fine-tuned for the task has to have the same ones.
    fresh_head : `bool`, optional (default = `False`)
        With `labels`: a new final layer whatever the checkpoint has.
    config : `Any`
        Entries of the configuration to replace, such as `num_labels`.

    # Returns

    `Tuple[BertPreTrainedModel, bool]`: the model in float32, and whether the checkpoint had the
    head.
    """
    config = {**config, **(label_settings(labels) if labels is not None else {})}
    saved = archives.saved(archives.MODEL, serialization_dir)
    if saved is not None and archives.has_weights(serialization_dir):
        model, with_head = head_class(BertConfig.from_pretrained(saved, **config)), True
    else:
        check_same_pieces(bert_model, serialization_dir)
        if isinstance(bert_model, BertModel):
            model, with_head = _around(head_class, bert_model, config), False
        else:
            model, with_head = _read(head_class, bert_model, labels, fresh_head, config)
        model.config.architectures = [head_class.__name__]
        archives.save(archives.MODEL, serialization_dir, model.config.save_pretrained)
    set_dropout(model)
    model.bert.cls_id = cls_id(bert_model, serialization_dir)
    return model, with_head


def _around(head_class: type[Head], bert: BertModel, config: Mapping[str, Any]) -> Head:
    model = head_class(BertConfig(**{**bert.config.to_dict(), **config}))
    if model.bert.pooler is None:
        bert.pooler = None
    model.bert = bert
    model.float().tie_weights()
    return model


def _read(
    head_class: type[Head],
    name: str,
    labels: Optional[Sequence[str]],
    fresh_head: bool,
    config: Mapping[str, Any],
) -> tuple[Head, bool]:
    settings = read_config(archived_bert.opened(name, archives.MODEL))
    weights = archived_bert.weights(name)
    theirs = settings.to_dict()
    for key, value in config.items():
        setattr(settings, key, value)
    with quiet_transformers():
        model, report = head_class.from_pretrained(
            name if weights is None else None,
            config=settings,
            state_dict=weights,
            dtype=torch.float32,
            output_loading_info=True,
            ignore_mismatched_sizes=True,
        )
    mismatched = [key for key, *_ in report["mismatched_keys"]]
    _check_encoder(name, [*report["missing_keys"], *mismatched])
    # `classifier` is also what other heads of BERT call their final layer.
    fresh_head |= head_class.__name__ not in (theirs["architectures"] or [head_class.__name__])
    fresh = {key for key in report["missing_keys"] if not key.startswith("bert.")}
    if labels is not None and fresh_head:
        renew(model)
        fresh |= {"classifier.weight", "classifier.bias"}
    elif labels is not None and not fresh:
        check_problem_type(name, theirs["problem_type"], config.get("problem_type"))
        arrange_rows(model.classifier, name, theirs["id2label"], labels)
    if mismatched and not fresh_head:
        raise ConfigurationError(
            f"{name}: {', '.join(mismatched)} have not the shape that its config.json says."
        )
    fresh |= set(mismatched)
    logger.info(
        "%s: %s",
        name,
        f"fresh {', '.join(sorted(fresh))}" if fresh else "the head of the checkpoint",
    )
    return model, not fresh


@contextmanager
def quiet_transformers() -> Iterator[None]:
    """
    Without the progress bar and the report of every weight; what matters of it we say in one line.
    """
    verbosity, bars = hf_logging.get_verbosity(), hf_logging.is_progress_bar_enabled()
    hf_logging.set_verbosity_error()
    hf_logging.disable_progress_bar()
    try:
        yield
    finally:
        hf_logging.set_verbosity(verbosity)
        if bars:
            hf_logging.enable_progress_bar()


def _check_encoder(name: str, missing_keys: Sequence[str]) -> None:
    missing = sorted(
        key
        for key in missing_keys
        if key.startswith("bert.") and not key.startswith("bert.pooler.")
    )
    if missing:
        raise ConfigurationError(
            f"{name} lacks {len(missing)} weights of BERT, or has them in another shape, such as "
            f"{missing[0]}; it is damaged or of another kind."
        )


def set_trainable(
    bert: BertModel, trainable: Union[bool, int], gradient_checkpointing: bool = False
) -> None:
    """
    Decides what of BERT is trained: all of it, nothing (`False` or 0), or the top layers and the
    pooler, by their number. With `gradient_checkpointing` a training step computes the layers twice
    and holds one layer's activations at a time.
    """
    layers = bert.config.num_hidden_layers
    if not isinstance(trainable, (bool, int)) or not 0 <= trainable <= layers:
        raise ConfigurationError(
            f"`trainable` is {trainable!r}; expected true, false, or the number of top layers to "
            f"train, up to {layers}."
        )
    if trainable is not True:
        bert.requires_grad_(False)
        trained = [*bert.encoder.layer[layers - trainable :], bert.pooler] if trainable else []
        for module in filter(None, trained):
            module.requires_grad_(True)
    if gradient_checkpointing:
        # transformers renamed it on the way to version 6.
        enable = getattr(bert, "activation_checkpointing_enable", None)
        (enable or bert.gradient_checkpointing_enable)({"use_reentrant": False})
