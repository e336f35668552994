"""Exact match, F1 and thresholds, against the official definition."""

import numpy
import pytest

from bert_classification.question_answering.squad_scores import SquadScores, best_threshold
from tests.question_answering.support import plain_scores

CASES = [
    ("The Eiffel Tower!", ["Eiffel tower"], -3.0),
    ("eiffel", ["the Eiffel Tower", "Tower of Eiffel"], -1.0),
    ("a b b c", ["b b d"], 0.5),
    ("", ["something"], 2.0),
    ("something", [], 1.5),
    ("else", [], -2.0),
    ("the", [], 0.1),
    (".", [".", "peace"], 0.2),
    ("U.S.", ["US"], -0.5),
    ("don't", ["dont", "do not"], 3.0),
    ("naïve  Café", ["naïve café"], 0.3),
]


# The official search takes every answer to an impossible question for wrong, even an empty one.
WITHOUT_EMPTY = [case for case in CASES if case[0] != "the"]


def plain_best_threshold(part: int) -> tuple[float, float]:
    """Finds the best score and its threshold, answering one question more at a time."""
    current = best = sum(not answers for _, answers, _ in CASES)
    threshold = 0.0
    for text, answers, diff in sorted(CASES, key=lambda case: case[2]):
        wrong = -1 if text else 0
        current += plain_scores(text, answers)[part] if answers else wrong
        if current > best:
            best, threshold = current, diff
    return 100 * best / len(CASES), threshold


class TestMetrics:
    def measure(self, threshold: float, cases: list = CASES) -> dict[str, float]:
        scores = SquadScores()
        for prediction, answers, diff in cases:
            scores(["" if diff > threshold else prediction], [prediction], [diff], [answers])
        return scores.get_metric(reset=True)

    @pytest.mark.parametrize("threshold", [-10.0, 0.15, 10.0])
    def test_equal_the_official_definition(self, threshold) -> None:
        rows = [
            (bool(answers), *plain_scores("" if diff > threshold else text, answers))
            for text, answers, diff in CASES
        ]
        metrics = self.measure(threshold)
        for name, kept in (
            ("", rows),
            ("has_answer_", [row for row in rows if row[0]]),
            ("no_answer_", [row for row in rows if not row[0]]),
        ):
            _, em, f1 = 100 * numpy.mean(kept, axis=0)
            assert metrics[f"{name}em"] == pytest.approx(em)
            assert metrics[f"{name}f1"] == pytest.approx(f1)

    def test_best_threshold_equals_the_official_search(self) -> None:
        metrics = self.measure(0.0)
        names = (("best_em", "best_em_threshold"), ("best_f1", "best_threshold"))
        for part, (best, threshold) in enumerate(names):
            expected = plain_best_threshold(part)
            assert (metrics[best], metrics[threshold]) == pytest.approx(expected)

    def test_best_threshold_gives_the_best_scores(self) -> None:
        metrics = self.measure(0.0, WITHOUT_EMPTY)
        tried = [self.measure(diff, WITHOUT_EMPTY) for _, _, diff in CASES]
        assert metrics["best_f1"] == pytest.approx(max(each["f1"] for each in tried))
        again = self.measure(metrics["best_threshold"], WITHOUT_EMPTY)
        assert again["f1"] == pytest.approx(metrics["best_f1"])

    def test_best_threshold_may_answer_nothing(self) -> None:
        best, threshold = best_threshold(
            numpy.zeros(2), numpy.array([-4.0, -3.0]), numpy.array([False, False])
        )
        assert best == 100.0 and threshold < -4.0

    def test_without_impossible_questions_there_are_two(self) -> None:
        scores = SquadScores()
        assert scores.get_metric() == {}
        scores(["tea"], ["tea"], [1.0], [["tea"]])
        assert scores.get_metric(reset=True) == {"em": 100.0, "f1": 100.0}
        assert scores.get_metric() == {}
