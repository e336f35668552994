"""
Records as numbers: figures of all of them, of a part, or of a resample. Texts stay in the file of
predictions, of which the place of each line is known.
"""

from array import array
from typing import Any, Callable, Optional, Sequence

import numpy
from allennlp.common.util import JsonDict

from bert_classification.evaluation.bootstrap import Interval
from bert_classification.evaluation.page import Section, Text

Show = Callable[[Sequence[int]], list[Text]]

NOT_TOLD = -1


class Figures:
    """
    Collects the lines of predictions of a task, and computes from numbers alone. One of a task's
    own extends `add`, `scores`, `describe`, `sections` and `text`.

    # Attributes of its class

    main : `str`
        The metric by which one model is better than another.
    falling : `Tuple[str, ...]`
        The metrics of which less is better.
    text_keys : `Tuple[str, ...]`
        The texts of a line, of which `length` counts the words.
    """

    main = "accuracy"
    falling: tuple[str, ...] = ("loss",)
    text_keys: tuple[str, ...] = ("text", "text_pair")

    def __init__(self) -> None:
        self.offsets = array("q")
        self._losses, self._confidences = array("d"), array("d")
        self._correct, self._lengths = array("b"), array("l")

    def __len__(self) -> int:
        return len(self.offsets)

    def add(self, line: JsonDict, offset: int) -> None:
        """Takes a line, which begins at an offset of its file."""
        self.offsets.append(offset)
        self._losses.append(_number(line["loss"]))
        self._confidences.append(_number(line["confidence"]))
        correct = self.is_correct(line)
        self._correct.append(NOT_TOLD if correct is None else int(correct))
        self._lengths.append(self.length(line))

    def is_correct(self, line: JsonDict) -> Optional[bool]:
        """Tells whether a prediction is right; `None` where there is no right and wrong."""
        return line["prediction"] == line["gold"]

    def length(self, line: JsonDict) -> int:
        """Counts the words of a record's texts."""
        return sum(len(line[key].split()) for key in self.text_keys if line.get(key))

    @property
    def losses(self) -> numpy.ndarray:
        return numpy.frombuffer(self._losses, numpy.float64)

    @property
    def confidences(self) -> numpy.ndarray:
        return numpy.frombuffer(self._confidences, numpy.float64)

    @property
    def correct(self) -> numpy.ndarray:
        return numpy.frombuffer(self._correct, numpy.int8)

    @property
    def lengths(self) -> numpy.ndarray:
        return numpy.frombuffer(self._lengths, numpy.int64)

    def scores(self, weights: numpy.ndarray) -> dict[str, float]:
        """
        Computes the metrics of which there are intervals, of records that count as often as
        `weights` say, shape `(records,)`: of all, of a slice, or of a resample.
        """
        scores = {}
        if (self.correct != NOT_TOLD).all():
            scores["accuracy"] = mean(self.correct, weights)
        if not numpy.isnan(self.losses).any():
            scores["loss"] = mean(self.losses, weights)
        return scores

    def describe(self) -> JsonDict:
        """Gives figures beside the scores, for `report.json`."""
        return {}

    def sections(self, show: Show, found: dict[str, Interval]) -> list[Section]:
        """
        Makes the sections of the page. `show` gives the texts at some places, and `found` are the
        scores.
        """
        return []

    def worst(self) -> numpy.ndarray:
        """
        Sorts the places of records, the highest loss first: of those that are wrong, where there is
        right and wrong.
        """
        places = numpy.arange(len(self))
        if (self.correct != NOT_TOLD).any():
            places = places[self.correct == 0]
        losses = numpy.nan_to_num(self.losses[places], nan=-numpy.inf)
        return places[numpy.argsort(-losses, kind="stable")]

    def text(self, line: JsonDict) -> Text:
        """Shows a record on a page."""
        lines = [
            (key if index else "", line[key])
            for index, key in enumerate(self.text_keys)
            if line.get(key)
        ]
        return Text(self.heading(line), lines, place_of(line))

    def heading(self, line: JsonDict) -> str:
        return f"{words_of(line['gold'])} taken for {words_of(line['prediction'])}{sure(line)}"


def _number(value: Optional[float]) -> float:
    return float("nan") if value is None else value


def mean(values: numpy.ndarray, weights: numpy.ndarray) -> float:
    """Computes a weighted mean; NaN of nothing."""
    total = weights.sum()
    return float(weights @ values / total) if total else float("nan")


def words_of(value: Any) -> str:
    """Words a gold value or a prediction."""
    if isinstance(value, (list, tuple)):
        return ", ".join(map(words_of, value)) or "none"
    return f"{value:.3f}" if isinstance(value, float) else str(value) or "no answer"


def sure(line: JsonDict) -> str:
    """Words how sure a prediction is, and its loss."""
    parts = []
    if line.get("confidence") is not None:
        parts.append(f"{line['confidence']:.0%} sure")
    if line.get("loss") is not None:
        parts.append(f"loss {line['loss']:.2f}")
    return f" ({', '.join(parts)})" if parts else ""


def place_of(line: JsonDict) -> str:
    """Names where a record stands."""
    place = (
        f"{line['file']}, line {line['line']}" if line["line"] else f"{line['file']}, {line['id']}"
    )
    return place
