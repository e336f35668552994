"""Precision, recall and F1 of spans, as seqeval has them."""

from typing import NamedTuple, Optional, Sequence

import torch
from allennlp.nn.util import dist_reduce_sum
from allennlp.training.metrics import Metric
from seqeval.metrics.sequence_labeling import get_entities
from seqeval.scheme import IOB2, Entities

Tags = list[str]


class Scores(NamedTuple):
    precision: float
    recall: float
    f1: float


class SpanF1(Metric):
    """
    What seqeval's `precision_score`, `recall_score`, `f1_score` (by default, and with
    `mode="strict", scheme=IOB2`) and `accuracy_score` give for all tags seen. The spans come from
    seqeval and are counted batch by batch, so that asking after each batch costs nothing.

    # Parameters

    types : `Sequence[str]`
        The types of spans, each of which gets an `f1/TYPE`.
    """

    def __init__(self, types: Sequence[str]) -> None:
        self._rows = {kind: row for row, kind in enumerate(types)}
        self.reset()

    def reset(self) -> None:
        # Of each type, and last of all types strictly: right, predicted and gold spans.
        self._spans = torch.zeros(len(self._rows) + 1, 3, dtype=torch.long)
        self._words = torch.zeros(2, dtype=torch.long)

    def __call__(  # type: ignore[override]
        self, predictions: list[Tags], gold_labels: list[Tags], mask: Optional[object] = None
    ) -> None:
        spans = torch.zeros_like(self._spans)
        for predicted, gold in zip(predictions, gold_labels):
            found, expected = set(get_entities(predicted)), set(get_entities(gold))
            for column, entities in enumerate((found & expected, found, expected)):
                for kind, _, _ in entities:
                    spans[self._rows[kind], column] += 1
        strictly_found, strictly_expected = _strict(predictions), _strict(gold_labels)
        columns = (strictly_found & strictly_expected, strictly_found, strictly_expected)
        spans[-1] = torch.tensor([len(entities) for entities in columns])
        pairs = [pair for texts in zip(predictions, gold_labels) for pair in zip(*texts)]
        words = torch.tensor([sum(one == other for one, other in pairs), len(pairs)])
        self._spans += dist_reduce_sum(spans).cpu()
        self._words += dist_reduce_sum(words).cpu()

    def get_metric(self, reset: bool = False) -> dict[str, float]:
        """Gives `f1`, `precision`, `recall`, `strict_f1`, `accuracy`, and each `f1/TYPE`."""
        by_type, strict = self._spans[:-1], self._spans[-1]
        overall = _scores(by_type.sum(0))
        right, words = self._words.tolist()
        metrics = {
            "accuracy": right / max(words, 1),
            "precision": overall.precision,
            "recall": overall.recall,
            "f1": overall.f1,
            "strict_f1": _scores(strict).f1,
            **{f"f1/{kind}": _scores(by_type[row]).f1 for kind, row in self._rows.items()},
        }
        if reset:
            self.reset()
        return metrics


def _strict(texts: list[Tags]) -> set:
    return {entity for entities in Entities(texts, IOB2).entities for entity in entities}


def _scores(counts: torch.Tensor) -> Scores:
    right, predicted, gold = counts.tolist()
    precision, recall = right / max(predicted, 1), right / max(gold, 1)
    return Scores(precision, recall, 2 * right / max(predicted + gold, 1))
