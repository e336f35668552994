"""Parts of the data by what stands under a key."""

from array import array
from typing import Any, Iterator, NamedTuple

import numpy
from allennlp.common.util import JsonDict

from bert_classification.data.json_values import shorten
from bert_classification.evaluation.figures import Figures

MAX_VALUES = 200
"""Different values of a key; what comes later is one part."""
PARTS_OF_NUMBERS = 5
MISSING, OTHERS = "(no value)", "(other values)"


class Slice(NamedTuple):
    """A part of the data: its name, and 1.0 for each record that is in it, 0.0 for the others."""

    name: str
    weights: numpy.ndarray


class Slices:
    """
    Divides records by the value under a key: numbers into parts of like sizes, anything else by
    its values.
    """

    def __init__(self, key: str) -> None:
        self.key = key
        self._numbers = array("d")
        self._codes = array("l")
        self._values: dict[str, int] = {}
        self._all_numbers = True

    def add(self, line: JsonDict) -> None:
        value: Any = line.get(self.key)
        is_number = type(value) in (int, float)
        self._all_numbers &= is_number or value is None
        self._numbers.append(value if is_number else numpy.nan)
        name = MISSING if value is None else shorten(str(value))
        if name not in self._values and len(self._values) >= MAX_VALUES:
            name = OTHERS
        self._codes.append(self._values.setdefault(name, len(self._values)))

    def parts(self) -> Iterator[Slice]:
        """Yields the parts, those of numbers in their order, else the largest first."""
        if self._all_numbers and len(self._values) > PARTS_OF_NUMBERS:
            yield from of_numbers(numpy.frombuffer(self._numbers))
            return
        codes = numpy.frombuffer(self._codes, numpy.int64)
        counts = numpy.bincount(codes, minlength=len(self._values))
        names = list(self._values)
        for code in numpy.argsort(-counts, kind="stable").tolist():
            yield Slice(names[code], (codes == code).astype(float))


def of_numbers(values: numpy.ndarray) -> Iterator[Slice]:
    """Yields parts of like sizes, whose limits are values that occur."""
    known = values[~numpy.isnan(values)]
    ends = numpy.unique(
        numpy.quantile(known, numpy.linspace(0, 1, PARTS_OF_NUMBERS + 1)[1:], method="lower")
    )
    begin = known.min()
    for end in ends:
        inside = (values >= begin) & (values <= end)
        if inside.any():
            first = values[inside].min()
            yield Slice(
                f"{first:g}" if first == end else f"{first:g} to {end:g}", inside.astype(float)
            )
        begin = numpy.nextafter(end, numpy.inf)
    if len(known) < len(values):
        yield Slice(MISSING, numpy.isnan(values).astype(float))


def slice_scores(figures: Figures, parts: Iterator[Slice]) -> list[JsonDict]:
    """Computes the scores of each part."""
    return [
        {"value": name, "records": int(weights.sum()), "scores": figures.scores(weights)}
        for name, weights in parts
    ]
