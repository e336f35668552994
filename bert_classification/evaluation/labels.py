"""Figures of records that have one label of several."""

from array import array
from typing import Any, Iterator, Sequence

import numpy
from allennlp.common.util import JsonDict
from sklearn.metrics import (
    average_precision_score,
    precision_recall_curve,
    roc_auc_score,
    roc_curve,
)

from bert_classification.evaluation.bootstrap import Interval
from bert_classification.evaluation.calibration import reliability, reliability_section
from bert_classification.evaluation.figures import Figures, Show, mean
from bert_classification.evaluation.page import Cell, Paragraph, Part, Section, Table, Texts
from bert_classification.evaluation.page import show as word
from bert_classification.evaluation.pictures import curves

MAX_CURVES = 50
"""Labels of which the probabilities of all records are kept, for curves."""
MAX_CELLS, MAX_TEXTS = 100, 10
"""Cells of a confusion matrix that lead to texts, and how many of each."""
MAX_MATRIX = 40
SHOWN_POINTS = 300


def label_scores(
    names: Sequence[str], gold: numpy.ndarray, given: numpy.ndarray, right: numpy.ndarray
) -> dict[str, float]:
    """
    Computes `macro_f1`, and of each label `precision/`, `recall/` and `f1/`, of the numbers of
    records that have a label, that were given it, and of which both is so.
    """
    precision, recall = right / numpy.maximum(given, 1e-300), right / numpy.maximum(gold, 1e-300)
    f1 = 2 * right / numpy.maximum(gold + given, 1e-300)
    columns = {"f1": f1, "precision": precision, "recall": recall}
    of_each = {
        f"{metric}/{name}": value
        for metric, values in columns.items()
        for name, value in zip(names, values.tolist())
    }
    return {"macro_f1": float(f1.mean()), **of_each}


def label_table(
    found: dict[str, Interval], names: Sequence[str], support: Sequence[int], what: str = "records"
) -> Table:
    """Tells precision, recall and F1 of each label, with the intervals of F1."""
    order = sorted(range(len(names)), key=lambda place: -support[place])
    rows = []
    for place in order:
        f1, *others = (
            found[f"{metric}/{names[place]}"] for metric in ("f1", "precision", "recall")
        )
        rows.append(
            [
                names[place],
                support[place],
                *(each.value for each in others),
                f1.value,
                f"{f1.low:.3f} to {f1.high:.3f}",
            ]
        )
    header = ["label", what, "precision", "recall", "F1", "95 %"]
    return Table("Each of them, the most frequent first", header, rows)


class LabelFigures(Figures):
    """
    Of lines with a label as `gold` and as `prediction`, and `probs`, an object of the probability
    of each label.
    """

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []
        self._index: dict[str, int] = {}
        self._gold, self._given = array("l"), array("l")
        self._probs = array("d")
        self._brier = 0.0

    def add(self, line: JsonDict, offset: int) -> None:
        super().add(line, offset)
        probs = line["probs"]
        if not self.names:
            self.names = list(probs)
            self._index = {name: place for place, name in enumerate(self.names)}
        gold = self._index[line["gold"]]
        self._gold.append(gold)
        self._given.append(self._index[line["prediction"]])
        values = list(probs.values())
        if len(self.names) <= MAX_CURVES:
            self._probs.extend(values)
        self._brier += sum(value * value for value in values) + 1 - 2 * values[gold]

    @property
    def gold(self) -> numpy.ndarray:
        return numpy.frombuffer(self._gold, numpy.int64)

    @property
    def given(self) -> numpy.ndarray:
        return numpy.frombuffer(self._given, numpy.int64)

    def scores(self, weights: numpy.ndarray) -> dict[str, float]:
        size, right = len(self.names), self.correct == 1
        gold = numpy.bincount(self.gold, weights, size)
        given = numpy.bincount(self.given, weights, size)
        both = numpy.bincount(self.gold[right], weights[right], size)
        return {
            "accuracy": float(both.sum() / max(weights.sum(), 1e-300)),
            "matthews": matthews(gold, given, both.sum()),
            "loss": mean(self.losses, weights),
            **label_scores(self.names, gold, given, both),
        }

    def confusion(self) -> numpy.ndarray:
        """Counts records by their label, a row each, and by the one they were given."""
        size = len(self.names)
        return numpy.bincount(self.gold * size + self.given, minlength=size * size).reshape(
            size, size
        )

    def describe(self) -> JsonDict:
        size = len(self.names)
        described = {
            "labels": self.names,
            "support": numpy.bincount(self.gold, minlength=size).tolist(),
            "confusion": self.confusion().tolist(),
            "calibration": {
                **reliability(self.confidences, self.correct),
                "brier": self._brier / len(self),
            },
        }
        areas = {name: self._areas(*each) for name, *each in self._of_each_label()}
        return {**described, "curves": areas} if areas else described

    def _of_each_label(self) -> Iterator[tuple[str, numpy.ndarray, numpy.ndarray]]:
        """Yields each label that some records have and others not, who has it, and its chances."""
        if len(self._probs):
            probs = numpy.frombuffer(self._probs).reshape(len(self), -1)
            for place, name in enumerate(self.names):
                has = self.gold == place
                if 0 < has.sum() < len(self):
                    yield name, has, probs[:, place]

    def _areas(self, has: numpy.ndarray, chances: numpy.ndarray) -> JsonDict:
        return {
            "average_precision": float(average_precision_score(has, chances)),
            "roc_auc": float(roc_auc_score(has, chances)),
        }

    def sections(self, show: Show, found: dict[str, Interval]) -> list[Section]:
        support = numpy.bincount(self.gold, minlength=len(self.names)).tolist()
        sections = [
            Section("Which labels are taken for which", self._confusions(show)),
            Section("Labels", [label_table(found, self.names, support)]),
        ]
        curved = self._curves()
        if curved:
            sections.append(Section("Curves", curved))
        return [*sections, reliability_section(reliability(self.confidences, self.correct))]

    def _confusions(self, show: Show) -> list[Part]:
        counts = self.confusion()
        wrong = counts * (1 - numpy.eye(len(counts), dtype=int))
        order = numpy.argsort(-wrong, axis=None, kind="stable")[:MAX_CELLS]
        cells = [divmod(int(cell), len(counts)) for cell in order if wrong.flat[cell]]
        led = [self._texts_of(show, *cell) for cell in cells]
        if len(self.names) <= MAX_MATRIX:
            return [
                Paragraph("A number leads to its texts."),
                self._matrix(counts, set(cells)),
                *led,
            ]
        rows = [
            [
                self.names[gold],
                self.names[given],
                Cell(word(int(counts[gold, given])), f"#cell-{gold}-{given}", 0.0),
            ]
            for gold, given in cells
        ]
        return [Table("Most frequent confusions", ["label", "taken for", "records"], rows), *led]

    def _matrix(self, counts: numpy.ndarray, led: set[tuple[int, int]]) -> Table:
        rows = []
        for gold, row in enumerate(counts.tolist()):
            shares = [count / max(sum(row), 1) for count in row]
            cells = [
                Cell(
                    f"{count}" if len(row) > 6 else f"{count} ({share:.0%})",
                    f"#cell-{gold}-{given}" if (gold, given) in led else None,
                    share,
                    f"{share:.1%} of {self.names[gold]} taken for {self.names[given]}",
                )
                for given, (count, share) in enumerate(zip(row, shares))
            ]
            rows.append([self.names[gold], *cells])
        return Table("Label (rows) and prediction (columns)", ["", *self.names], rows)

    def _texts_of(self, show: Show, gold: int, given: int) -> Texts:
        places = numpy.flatnonzero((self.gold == gold) & (self.given == given))
        places = places[numpy.argsort(-self.losses[places], kind="stable")]
        shown = show(places[:MAX_TEXTS].tolist())
        caption = f"{self.names[gold]} taken for {self.names[given]}: {len(places)}"
        note = "Those of the highest loss." if len(places) > MAX_TEXTS else ""
        return Texts(caption, shown, f"cell-{gold}-{given}", note)

    def _curves(self) -> list[Part]:
        named = list(self._of_each_label())
        if len(named) == 2 == len(self.names):
            named = named[1:]  # Of two labels each has the other's curve.
        support = {name: int(has.sum()) for name, has, _ in named}
        named = sorted(named, key=lambda each: -support[each[0]])[:8]
        if not named:
            return []
        lines: dict[str, list] = {"pr": [], "roc": []}
        for name, has, chances in named:
            precision, recall, _ = precision_recall_curve(has, chances)
            wrong, right, _ = roc_curve(has, chances)
            lines["pr"].append((name, *thinned(recall, precision)))
            lines["roc"].append((name, *thinned(wrong, right)))
        whose = f" of {named[0][0]}" if len(named) == 1 else " of the most frequent labels"
        return [
            curves(
                "precision-recall",
                f"Precision and recall{whose}",
                lines["pr"],
                "recall",
                "precision",
            ),
            curves("roc", f"ROC{whose}", lines["roc"], "false positive rate", "true positive rate"),
        ]


def thinned(*columns: numpy.ndarray) -> list[numpy.ndarray]:
    """Leaves out points of a curve that nobody sees."""
    places = numpy.unique(numpy.linspace(0, len(columns[0]) - 1, SHOWN_POINTS).astype(int))
    return [column[places] for column in columns]


def matthews(gold: numpy.ndarray, given: numpy.ndarray, right: Any) -> float:
    """Computes Matthews' correlation of several labels (Gorodkin 2004); 0 where it is undefined."""
    total = gold.sum()
    variances = (total**2 - gold @ gold) * (total**2 - given @ given)
    covariance = right * total - gold @ given
    return float(covariance / numpy.sqrt(variances)) if variances > 0 else 0.0
