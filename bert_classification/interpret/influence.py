"""Which records of its training a prediction hangs on: influence functions."""

import re
from contextlib import contextmanager
from typing import Any, Iterator, NamedTuple, Optional, Sequence, Union

import torch
from allennlp.common.checks import ConfigurationError
from allennlp.common.util import JsonDict
from allennlp.data import Batch, Instance
from allennlp.data.data_loaders import SimpleDataLoader
from allennlp.interpret.influence_interpreters.simple_influence import get_inverse_hvp_lissa
from allennlp.nn.util import move_to_device
from torch import Tensor

from bert_classification.data.files import expand_paths
from bert_classification.data.outcomes import replace_successes, successes
from bert_classification.interpret.gradients import build, label_as_predicted, metrics_apart
from bert_classification.predictor import BertPredictor, check_count
from bert_classification.reader import BertReader

FROZEN = (r"bert\.(?!pooler\.)",)
"""All of BERT but its pooler: what is left are the last one or two layers."""


class TrainingRecord(NamedTuple):
    """A record of the training data, the file and line it stands in, and its instance."""

    location: str
    example: Any
    instance: Instance


class Influence:
    """
    Finds the training records that speak most for and most against an answer, as AllenNLP's
    `simple-influence` does (Koh and Liang 2017; Han et al. 2020): the gradient of a record's loss
    times the inverse of the Hessian, by LiSSA, times the gradient of each training record's loss.

    AllenNLP's interpreter, which works as well, keeps the gradients of all training records, each
    as large as what is not frozen, and computes them with dropout. Here none is kept, there is no
    dropout, and all records that are asked about share one way through the training data.

    # Parameters

    predictor : `BertPredictor`
    reader : `BertReader`
        Reads the training data.
    train_data_path : `str`
    params_to_freeze : `Sequence[str]`, optional
        Regular expressions of the names of weights that are left out; by default all of BERT but
        its pooler.
    lissa_batch_size : `int`, optional (default = `8`)
    damping : `float`, optional (default = `0.003`)
    num_samples : `int`, optional (default = `1`)
    recursion_depth : `Union[float, int]`, optional (default = `0.25`)
        How many batches LiSSA sees, or the share of all there are.
    scale : `float`, optional (default = `10000.0`)
        See AllenNLP's `SimpleInfluence` for these.
    """

    def __init__(
        self,
        predictor: BertPredictor,
        reader: Any,
        train_data_path: str,
        params_to_freeze: Optional[Sequence[str]] = None,
        lissa_batch_size: int = 8,
        damping: float = 3e-3,
        num_samples: int = 1,
        recursion_depth: Union[float, int] = 0.25,
        scale: float = 1e4,
    ) -> None:
        if not predictor.segment_keys or not predictor.gold_key or predictor.precision != "float32":
            raise ConfigurationError(
                f"{type(predictor).__name__}: influence needs a task with labels, and float32."
            )
        self._predictor = predictor
        self._model = predictor._model
        self._frozen = tuple(FROZEN if params_to_freeze is None else params_to_freeze)
        self._options = (damping, num_samples, scale)
        self.records = list(read_training(reader, train_data_path))
        self._batches = SimpleDataLoader(
            [record.instance for record in self.records],
            lissa_batch_size,
            shuffle=True,
            vocab=self._model.vocab,
        )
        self._batches.set_target_device(next(self._model.parameters()).device)
        share = isinstance(recursion_depth, float)
        depth = recursion_depth * len(self._batches) if share else recursion_depth
        self._batches.batches_per_epoch = max(1, round(depth))

    def explain(self, records: Sequence[JsonDict], k: int = 10) -> list[Union[JsonDict, Exception]]:
        """
        Explains the answers to several records.

        # Parameters

        records : `Sequence[JsonDict]`
            With a label it is that one which training records speak for or against; otherwise it is
            the model's answer.
        k : `int`, optional (default = `10`)
            How many training records to give of each kind.

        # Returns

        `List[Union[JsonDict, Exception]]`: `prediction`; `label`, `gold` or `prediction`;
        `loss`; and `supporting` and `opposing`, those with the highest and with the lowest scores,
        the most extreme one first: `{"location": ..., "record": {...}, "loss": ..., "score": ...}`
        each. To leave out a supporting one in training would raise the loss, to leave out an
        opposing one would lower it; scores can be compared, and have no unit. An exception
        stands in the place of a record that is not what the task expects.
        """
        check_count("k", k)
        outcomes = [self._build_or_error(record) for record in records]
        built = successes(outcomes)
        if not built:
            return outcomes
        with metrics_apart(self._predictor), self._trainable() as parameters:
            found = [self._gradient(labelled, parameters) for _, _, labelled in built]
            inverse = torch.stack([self._inverse_hvp(grads, parameters) for _, grads in found])
            scores, losses = self._scores(inverse, parameters)
        explained = [
            {
                "prediction": self._predictor.predict_instance(instance),
                "label": label,
                "loss": loss,
                "supporting": self._top(row, losses, k),
                "opposing": self._top(-row, losses, k, -1),
            }
            for (label, instance, _), (loss, _), row in zip(built, found, scores)
        ]
        return replace_successes(outcomes, explained)

    def _build_or_error(self, record: JsonDict) -> Any:
        try:
            return self._build(record)
        except Exception as error:
            return error

    def _build(self, record: JsonDict) -> tuple[str, Instance, Instance]:
        example, instance = build(self._predictor, record)
        if self._predictor.gold_key not in record:
            return "prediction", instance, label_as_predicted(self._predictor, instance)
        reader = self._predictor._dataset_reader
        labelled = reader.parse(record, "the record", labelled=True)
        return "gold", instance, reader.to_instances([labelled])[0]

    @contextmanager
    def _trainable(self) -> Iterator[list[torch.nn.Parameter]]:
        """Gives the weights that are looked at; no others have gradients inside."""
        before = [(each, each.requires_grad) for each in self._model.parameters()]
        training = self._model.training
        try:
            for name, parameter in self._model.named_parameters():
                frozen = any(re.match(pattern, name) for pattern in self._frozen)
                parameter.requires_grad_(not frozen)
            self._model.eval()
            yield self._used()
        finally:
            self._model.train(training)
            for parameter, required in before:
                parameter.requires_grad_(required)

    def _used(self) -> list[torch.nn.Parameter]:
        trainable = [each for each in self._model.parameters() if each.requires_grad]
        if not trainable:
            raise ConfigurationError("`params_to_freeze` leaves no weight to look at.")
        loss = self._loss(self.records[0].instance)
        found = torch.autograd.grad(loss, trainable, allow_unused=True)
        return [each for each, grad in zip(trainable, found) if grad is not None]

    def _loss(self, instance: Instance) -> Tensor:
        batch = Batch([instance])
        batch.index_instances(self._model.vocab)
        device = next(self._model.parameters()).device
        with torch.enable_grad():
            return self._model(**move_to_device(batch.as_tensor_dict(), device))["loss"]

    def _gradient(
        self, instance: Instance, parameters: list[torch.nn.Parameter]
    ) -> tuple[float, tuple[Tensor, ...]]:
        loss = self._loss(instance)
        return loss.item(), torch.autograd.grad(loss, parameters)

    def _inverse_hvp(
        self, gradients: tuple[Tensor, ...], parameters: list[torch.nn.Parameter]
    ) -> Tensor:
        with torch.enable_grad():
            return get_inverse_hvp_lissa(
                gradients, self._model, parameters, self._batches, *self._options
            )

    def _scores(
        self, inverse: Tensor, parameters: list[torch.nn.Parameter]
    ) -> tuple[Tensor, list[float]]:
        """Gives the scores, shape `(records, training records)`, and the losses of training."""
        columns, losses = [], []
        for record in self.records:
            loss, gradients = self._gradient(record.instance, parameters)
            columns.append(inverse @ torch.cat([each.flatten() for each in gradients]))
            losses.append(loss)
        return torch.stack(columns, 1).cpu(), losses

    def _top(self, row: Tensor, losses: list[float], k: int, sign: int = 1) -> list[JsonDict]:
        best = row.topk(min(k, len(row)))
        return [
            {
                "location": self.records[index].location,
                "record": self._describe(self.records[index].example),
                "loss": losses[index],
                "score": sign * score,
            }
            for index, score in zip(best.indices.tolist(), best.values.tolist())
        ]

    def _describe(self, example: Any) -> JsonDict:
        texts = {key: getattr(example, key) for key in self._predictor.segment_keys}
        gold = getattr(example, self._predictor.gold_key)
        if isinstance(gold, int) and self._predictor.labels:
            gold = self._predictor.labels[gold]
        named = [each._asdict() for each in gold] if self._predictor.gold_key == "answers" else gold
        return {
            **{key: text for key, text in texts.items() if text is not None},
            self._predictor.gold_key: named,
        }


def read_training(reader: BertReader, path: Any) -> Iterator[TrainingRecord]:
    """
    Reads the records of a file, each with its location.

    # Raises

    `ConfigurationError` for one that is not what the task expects.
    """
    located = [each for file in expand_paths(path) for each in reader.examples(file)]
    instances = reader.to_instances([example for _, example in located])
    for (location, example), instance in zip(located, instances):
        yield TrainingRecord(location, example, instance)
