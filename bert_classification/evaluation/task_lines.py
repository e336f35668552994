"""How a task's labelled records become lines of predictions."""

from typing import Any, Iterator, NamedTuple, Optional, Sequence

import torch
from allennlp.common import Registrable
from allennlp.common.checks import ConfigurationError
from allennlp.common.util import JsonDict
from allennlp.data import Batch
from allennlp.nn.util import move_to_device

from bert_classification.data.batch_sampler import token_batches
from bert_classification.data.json_values import shorten
from bert_classification.data.text_field import num_word_pieces
from bert_classification.evaluation.figures import Figures
from bert_classification.predictor import BertPredictor
from bert_classification.reader import BertReader

OWN_KEYS = ("id", "file", "line", "task", "gold", "prediction", "confidence", "loss")
"""What a line of predictions has of every task."""


class Located(NamedTuple):
    """
    values : `Dict[str, Any]`
        The record, as it was read; of running text nothing.
    file, line : `str`, `int`
        Where it stands. A question of SQuAD's JSON has no line, and its `id`.
    example : `Any`
        What the reader's `parse` made of it.
    """

    values: dict[str, Any]
    file: str
    line: Optional[int]
    example: Any


class TaskLines(Registrable):
    """
    Makes a line for each record of labelled data. A task's own stands in its `report.py`, under the
    registered name of the task. This one is for tasks that have none: what the predictor gives, and
    whether it is the gold value.

    # Parameters

    predictor : `BertPredictor`
        Whose model answers, and whose reader reads.
    """

    def __init__(self, predictor: BertPredictor) -> None:
        self.predictor = predictor
        self.reader: Any = predictor._dataset_reader
        self.model: Any = predictor._model

    def located(self, path: str) -> Iterator[Located]:
        """Yields the records of a file; `ConfigurationError` names the place of a bad one."""
        for record in self.reader.records(path):
            example = self.reader.parse_labelled(record)
            yield Located(record.values, record.file, record.line or None, example)

    def check(self, located: Located) -> None:
        """Raises `ConfigurationError` for a gold value that the model does not know."""

    def texts(self, example: Any) -> JsonDict:
        """Gives the texts of an example by the keys they have in a record."""
        return {}

    def answers(self, records: Sequence[Located]) -> list[JsonDict]:
        """Gives `gold`, `prediction`, `confidence`, `loss` and what figures need beside them."""
        outputs = self.predictor.predict_batch_json([each.values for each in records])
        return [self._answer(each.values, output) for each, output in zip(records, outputs)]

    def _answer(self, values: JsonDict, output: JsonDict) -> JsonDict:
        if "error" in output:
            raise ConfigurationError(output["error"])
        prediction = self.predictor.answer(output)
        confidence = self.predictor.confidence(output, prediction)
        answer = {"gold": values.get(self.predictor.gold_key), "prediction": prediction}
        inputs = {key: values[key] for key in self.predictor.input_keys if key in values}
        return {**inputs, **answer, "confidence": confidence, "loss": None}

    def prepare(self, paths: Sequence[str]) -> None:
        """Does what has to be done before the first record is answered."""

    def batches(self, records: Sequence[Located]) -> Iterator[tuple[list[int], dict[str, Any]]]:
        """Yields the places of the records of a batch and its tensors, like lengths together."""
        instances = self.reader.to_instances([each.example for each in records])
        lengths = [num_word_pieces(instance) for instance in instances]
        for indices in token_batches(lengths, self.predictor._token_budget):
            batch = Batch([instances[index] for index in indices])
            batch.index_instances(self.model.vocab)
            yield indices, move_to_device(batch.as_tensor_dict(), self.predictor.cuda_device)

    def run(
        self, records: Sequence[Located], gold_keys: Sequence[str]
    ) -> Iterator[tuple[list[int], dict[str, Any], dict[str, Any]]]:
        """
        Runs the model over records.

        # Parameters

        gold_keys : `Sequence[str]`
            The fields that hold what is right; the model does not see them, and its metrics count
            nothing.

        # Returns

        An iterator over the places of the records of a batch, its gold tensors, and the output.
        """
        for indices, tensors in self.batches(records):
            gold = {key: tensors.pop(key) for key in gold_keys if key in tensors}
            with torch.inference_mode():
                yield indices, gold, self.model(**tensors)

    @classmethod
    def figures(cls, line: JsonDict) -> Figures:
        """Makes what collects lines such as the first one."""
        return Figures()


def lines_of(predictor: BertPredictor) -> TaskLines:
    """
    Finds what makes lines for a predictor's task.

    # Raises

    `ConfigurationError` where the reader is none of ours, which knows where a record stands.
    """
    if not isinstance(predictor._dataset_reader, BertReader):
        reader = type(predictor._dataset_reader._reader).__name__
        raise ConfigurationError(
            f"`dataset_reader` of the model is a {reader}, which does not tell where a record "
            f"stands; the reader of its task, `{task_of(predictor)}`, does."
        )
    return lines_class(task_of(predictor).removeprefix("bert_for_"))(predictor)


def lines_class(task: str) -> type[TaskLines]:
    """Finds the class of a task by its folder's name."""
    name = f"bert_for_{task}"
    return TaskLines.by_name(name) if name in TaskLines.list_available() else TaskLines  # type: ignore[return-value]


def task_of(predictor: BertPredictor) -> str:
    """Gives the registered name of the task of a predictor's model."""
    return getattr(predictor._model, "default_predictor", None) or "bert_for_task"


def check_known(labels: Sequence[str], known: Sequence[str], key: str, located: Located) -> None:
    """Raises `ConfigurationError` for a label that the model does not know."""
    unknown = next((label for label in labels if label not in known), None)
    if unknown is not None:
        place = located.file if located.line is None else f"{located.file}, line {located.line}"
        raise ConfigurationError(
            f"{place}: `{key}`: {shorten(repr(unknown))} is unknown; the model knows "
            f"{shorten(', '.join(map(repr, known)), 500) or 'no labels'}."
        )
