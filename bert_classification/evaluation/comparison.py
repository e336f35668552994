"""Two models on the same records: what of their difference is more than chance."""

from itertools import zip_longest
from pathlib import Path
from typing import Iterator, NamedTuple, Optional, Sequence, Union

import numpy
from allennlp.common.checks import ConfigurationError
from allennlp.common.util import JsonDict

from bert_classification.data.json_values import describe
from bert_classification.evaluation.bootstrap import Test, ends, mcnemar, resamples
from bert_classification.evaluation.figures import NOT_TOLD, Figures
from bert_classification.evaluation.predictions import add_line, lines_at, read_predictions
from bert_classification.evaluation.task_lines import lines_class

PathLike = Union[str, Path]


class Difference(NamedTuple):
    """A metric of two models, and B's less A's with the ends of its 95 % interval."""

    a: float
    b: float
    difference: float
    low: float
    high: float


class Comparison(NamedTuple):
    """
    task : `str`
    a, b : `Figures`
    differences : `Dict[str, Difference]`
    test : `Test`, optional
        Where there is right and wrong.
    places : `numpy.ndarray`
        Of the records on which the predictions differ: first those that A alone has right, then
        those that B alone has right, then the others; in each part the largest difference of losses
        first.
    """

    task: str
    a: Figures
    b: Figures
    differences: dict[str, Difference]
    test: Optional[Test]
    places: numpy.ndarray

    def verdict(self, metric: str) -> str:
        """Tells whether B is `better`, `worse`, or neither: `no clear difference`."""
        each = self.differences[metric]
        if each.low <= 0 <= each.high:
            return "no clear difference"
        return "better" if (each.difference > 0) != (metric in self.a.falling) else "worse"


def compare(path_a: PathLike, path_b: PathLike, seed: int) -> Comparison:
    """
    Compares the predictions of two models, line by line.

    # Raises

    `ConfigurationError` where the files are of other tasks or records.
    """
    figures: list[Figures] = []
    differ, task = [], ""
    for number, ((offset_a, a), (offset_b, b)) in enumerate(_pairs(path_a, path_b)):
        if not figures:
            task = a["task"]
            figures = [lines_class(task).figures(line) for line in (a, b)]
            _check_tasks(a, b, figures, path_a, path_b)
        _check_same(a, b, figures[0].text_keys, f"{path_b}, line {number + 1}", str(path_a))
        add_line(figures[0], a, offset_a, f"{path_a}, line {number + 1}")
        add_line(figures[1], b, offset_b, f"{path_b}, line {number + 1}")
        if a["prediction"] != b["prediction"]:
            differ.append(number)
    one, other = figures
    return Comparison(
        task,
        one,
        other,
        _differences(one, other, seed),
        _test(one, other),
        _order(one, other, numpy.array(differ, int)),
    )


def _pairs(path_a: PathLike, path_b: PathLike) -> Iterator[tuple]:
    """Yields the lines of two files together; they have to have as many."""
    for number, pair in enumerate(zip_longest(read_predictions(path_a), read_predictions(path_b))):
        if None in pair:
            short, long = (path_a, path_b) if pair[0] is None else (path_b, path_a)
            raise ConfigurationError(
                f"{short} ends after {number} lines, and {long} goes on; expected predictions of "
                "the same records, in the same order."
            )
        yield pair


def _check_tasks(
    a: JsonDict, b: JsonDict, figures: Sequence[Figures], path_a: PathLike, path_b: PathLike
) -> None:
    if a["task"] != b["task"] or type(figures[0]) is not type(figures[1]):
        raise ConfigurationError(
            f"{path_a} is of the task {a['task']}, with {describe(a['gold'])} as `gold`, and "
            f"{path_b} of {b['task']}, with {describe(b['gold'])}; only models of one task are "
            "compared."
        )


def _check_same(a: JsonDict, b: JsonDict, keys: Sequence[str], location: str, other: str) -> None:
    for key in ("gold", *keys):
        if a.get(key) != b.get(key):
            raise ConfigurationError(
                f"{location}: `{key}` is {describe(b.get(key))}, and in {other} "
                f"{describe(a.get(key))}; expected predictions of the same records, in the same "
                "order."
            )


def _differences(a: Figures, b: Figures, seed: int) -> dict[str, Difference]:
    weights = numpy.ones(len(a))
    of_a, of_b = a.scores(weights), b.scores(weights)
    names = [name for name in of_a if name in of_b]
    drawn = []
    for weights in resamples(len(a), seed):
        drawn_a, drawn_b = a.scores(weights), b.scores(weights)
        drawn.append([drawn_b[name] - drawn_a[name] for name in names])
    low, high = ends(numpy.array(drawn).reshape(-1, len(names)))
    return {
        name: Difference(
            of_a[name], of_b[name], of_b[name] - of_a[name], float(low[i]), float(high[i])
        )
        for i, name in enumerate(names)
    }


def _test(a: Figures, b: Figures) -> Optional[Test]:
    told = (a.correct != NOT_TOLD).all() and (b.correct != NOT_TOLD).all()
    return mcnemar(a.correct, b.correct) if told else None


def _order(a: Figures, b: Figures, places: numpy.ndarray) -> numpy.ndarray:
    kinds = numpy.select(
        [
            (a.correct[places] == 1) & (b.correct[places] == 0),
            (b.correct[places] == 1) & (a.correct[places] == 0),
        ],
        [0, 1],
        2,
    )
    gaps = numpy.nan_to_num(abs(a.losses[places] - b.losses[places]))
    return places[numpy.lexsort((-gaps, kinds))]


def differing(path_a: PathLike, path_b: PathLike, comparison: Comparison) -> Iterator[JsonDict]:
    """Yields the records on which two models differ, with what each of them says."""
    told = ("prediction", "confidence", "loss")
    places = comparison.places.tolist()
    lines_a = lines_at(path_a, (comparison.a.offsets[place] for place in places))
    lines_b = lines_at(path_b, (comparison.b.offsets[place] for place in places))
    for a, b in zip(lines_a, lines_b):
        shared = {key: value for key, value in a.items() if key in b and b[key] == value}
        yield {**shared, "a": {key: a[key] for key in told}, "b": {key: b[key] for key in told}}
