"""Figures of records that have any of several labels."""

from array import array
from typing import Optional

import numpy
from allennlp.common.util import JsonDict

from bert_classification.evaluation.bootstrap import Interval
from bert_classification.evaluation.figures import Figures, Show, mean
from bert_classification.evaluation.labels import MAX_CELLS, MAX_TEXTS, label_scores, label_table
from bert_classification.evaluation.page import Cell, Part, Section, Table, Texts
from bert_classification.evaluation.pictures import curves

THRESHOLDS = numpy.linspace(0.05, 0.95, 19)


class ManyLabelFigures(Figures):
    """
    Of lines with lists of labels as `gold` and `prediction`, and `probs`, an object of the
    probability of each label.
    """

    main = "micro_f1"

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []
        self._index: dict[str, int] = {}
        # Of each label that is gold, given, or both: its record, and itself.
        self._pairs = {kind: (array("l"), array("l")) for kind in ("gold", "given", "both")}

    def add(self, line: JsonDict, offset: int) -> None:
        record = len(self)
        super().add(line, offset)
        if not self.names:
            self.names = list(line["probs"])
            self._index = {name: place for place, name in enumerate(self.names)}
            size = len(self.names)
            self._at_thresholds = numpy.zeros((2, len(THRESHOLDS), size), int)
            self._together = numpy.zeros((2, size, size), int)
            self._missed = numpy.zeros((size, size), int)
        gold, given = ([self._index[name] for name in line[key]] for key in ("gold", "prediction"))
        both = set(gold) & set(given)
        for kind, labels in (("gold", gold), ("given", given), ("both", sorted(both))):
            self._pairs[kind][0].extend([record] * len(labels))
            self._pairs[kind][1].extend(labels)
        chosen = numpy.array(list(line["probs"].values())) >= THRESHOLDS[:, None]
        self._at_thresholds[0] += chosen
        self._at_thresholds[1][:, gold] += chosen[:, gold]
        for layer, labels in enumerate((gold, given)):
            self._together[layer][numpy.ix_(labels, labels)] += 1
        self._missed[numpy.ix_(sorted(set(gold) - both), sorted(set(given) - both))] += 1

    def is_correct(self, line: JsonDict) -> Optional[bool]:
        return set(line["prediction"]) == set(line["gold"])

    def _counts(self, weights: numpy.ndarray) -> list[numpy.ndarray]:
        pairs = (
            [numpy.array(each, numpy.int64) for each in self._pairs[kind]]
            for kind in ("gold", "given", "both")
        )
        return [
            numpy.bincount(labels, weights[records], len(self.names)) for records, labels in pairs
        ]

    def scores(self, weights: numpy.ndarray) -> dict[str, float]:
        gold, given, both = self._counts(weights)
        total = max((gold + given).sum(), 1e-300)
        return {
            "micro_f1": float(2 * both.sum() / total),
            "micro_precision": float(both.sum() / max(given.sum(), 1e-300)),
            "micro_recall": float(both.sum() / max(gold.sum(), 1e-300)),
            "accuracy": mean(self.correct, weights),
            "loss": mean(self.losses, weights),
            **label_scores(self.names, gold, given, both),
        }

    def at_thresholds(self) -> JsonDict:
        """Computes micro-averaged metrics, and macro F1, that each threshold would give."""
        gold, _, _ = self._counts(numpy.ones(len(self)))
        given, both = self._at_thresholds
        f1 = 2 * both / numpy.maximum(given + gold, 1e-300)
        return {
            "threshold": THRESHOLDS.tolist(),
            "micro_f1": (2 * both.sum(1) / numpy.maximum(given.sum(1) + gold.sum(), 1)).tolist(),
            "micro_precision": (both.sum(1) / numpy.maximum(given.sum(1), 1)).tolist(),
            "micro_recall": (both.sum(1) / numpy.maximum(gold.sum(), 1)).tolist(),
            "macro_f1": f1.mean(1).tolist(),
            "best_per_label": dict(zip(self.names, THRESHOLDS[f1.argmax(0)].tolist())),
        }

    def describe(self) -> JsonDict:
        return {
            "labels": self.names,
            "support": self._counts(numpy.ones(len(self)))[0].astype(int).tolist(),
            "thresholds": self.at_thresholds(),
            "together": {
                "gold": self._together[0].tolist(),
                "prediction": self._together[1].tolist(),
            },
            "missed_for": self._missed.tolist(),
        }

    def sections(self, show: Show, found: dict[str, Interval]) -> list[Section]:
        support = self._counts(numpy.ones(len(self)))[0].astype(int).tolist()
        thresholds = self.at_thresholds()
        lines = [
            (name, thresholds["threshold"], thresholds[name])
            for name in ("micro_f1", "micro_precision", "micro_recall", "macro_f1")
        ]
        best = thresholds["threshold"][int(numpy.argmax(thresholds["micro_f1"]))]
        title = f"One threshold for all labels; micro F1 is best at {best:.2f}"
        table = label_table(found, self.names, support)
        per_label = thresholds["best_per_label"]
        header = [*table.header, "best threshold"]
        rows = [[*row, per_label[row[0]]] for row in table.rows]
        return [
            Section("Labels that are missed and others given", self._confusions(show)),
            Section("Labels", [table._replace(header=header, rows=rows)]),
            Section("Thresholds", [curves("thresholds", title, lines, "threshold", "")]),
            Section("Labels that stand together", [self._pairs_table()]),
        ]

    def _confusions(self, show: Show) -> list[Part]:
        order = numpy.argsort(-self._missed, axis=None, kind="stable")[:MAX_CELLS]
        cells = [divmod(int(cell), len(self.names)) for cell in order if self._missed.flat[cell]]
        rows = [
            [
                self.names[gold],
                self.names[given],
                Cell(str(self._missed[gold, given]), f"#cell-{gold}-{given}"),
            ]
            for gold, given in cells[:30]
        ]
        table = Table("A number leads to its texts", ["missed", "given instead", "records"], rows)
        return [table, *(self._texts_of(show, *cell) for cell in cells[:30])]

    def _texts_of(self, show: Show, gold: int, given: int) -> Texts:
        having = {
            kind: self._records_of(kind, label)
            for kind, label in (("gold", gold), ("given", given))
        }
        wrong = having["gold"] & having["given"]
        wrong -= self._records_of("given", gold) | self._records_of("gold", given)
        places = sorted(wrong, key=lambda place: -self._losses[place])
        caption = f"{self.names[gold]} missed, {self.names[given]} given: {len(places)}"
        return Texts(caption, show(places[:MAX_TEXTS]), f"cell-{gold}-{given}")

    def _records_of(self, kind: str, label: int) -> set[int]:
        records, labels = (numpy.array(each, numpy.int64) for each in self._pairs[kind])
        return set(records[labels == label].tolist())

    def _pairs_table(self) -> Table:
        gold, given = (numpy.triu(each, 1) for each in self._together)
        order = numpy.argsort(-(gold + given), axis=None, kind="stable")[:20]
        rows = [
            [
                f"{self.names[one]} and {self.names[other]}",
                int(gold[one, other]),
                int(given[one, other]),
            ]
            for one, other in (divmod(int(cell), len(self.names)) for cell in order)
            if gold[one, other] + given[one, other]
        ]
        return Table("The most frequent pairs", ["labels", "in the data", "predicted"], rows)
