"""Exact match and F1 as SQuAD's official evaluation has them."""

from typing import Sequence

import numpy
from allennlp.training.metrics import Metric
from allennlp_models.rc.tools.squad import get_metric_score, normalize_answer

from bert_classification.training.collected_metric import of_all_processes


class SquadScores(Metric):
    """
    Exact match and F1 in percent, with the functions of the official evaluation of SQuAD 2.0, and
    the threshold that divides answers from no answers best. The evaluation of SQuAD 1.1 differs
    on answers of nothing but punctuation and articles: here they are no gold answers.
    """

    def __init__(self) -> None:
        self.reset()

    def __call__(  # type: ignore[override]
        self,
        predictions: Sequence[str],
        best_answers: Sequence[str],
        null_score_diffs: Sequence[float],
        answers: Sequence[Sequence[str]],
    ) -> None:
        """
        # Parameters

        predictions : `Sequence[str]`
            The answers given, empty for no answer.
        best_answers : `Sequence[str]`
            The answers that would be given if no answer was none.
        null_score_diffs : `Sequence[float]`
            The score of no answer minus that of the best answer.
        answers : `Sequence[Sequence[str]]`
            The gold answers, none for a question that is impossible.
        """
        rows = []
        for prediction, best, diff, gold in zip(
            predictions, best_answers, null_score_diffs, answers
        ):
            known = [text for text in gold if normalize_answer(text)] or [""]
            score = get_metric_score(prediction, known)
            best_score = score if best == prediction else get_metric_score(best, known)
            rows.append((bool(gold), *score, *best_score, diff))
        self._rows.append(numpy.array(rows).reshape(-1, 6))

    def get_metric(self, reset: bool = False) -> dict[str, float]:
        """
        Gives `em` and `f1`; when there are impossible questions also `has_answer_em`,
        `has_answer_f1`, `no_answer_em`, `no_answer_f1`, and what the best thresholds would give:
        `best_em` with `best_em_threshold`, `best_f1` with `best_threshold`. Empty before the first
        question.
        """
        rows = numpy.concatenate([numpy.empty((0, 6)), *self._rows])
        if reset:
            rows = numpy.concatenate(of_all_processes([rows]))
            self.reset()
        if not len(rows):
            return {}
        has_answer, scores = rows[:, 0].astype(bool), rows[:, 1:3]
        metrics = _em_and_f1("", scores)
        if not has_answer.all():
            if has_answer.any():
                metrics |= _em_and_f1("has_answer_", scores[has_answer])
            metrics |= _em_and_f1("no_answer_", scores[~has_answer])
            best_em, best_em_threshold = best_threshold(rows[:, 3], rows[:, 5], has_answer)
            best_f1, best_f1_threshold = best_threshold(rows[:, 4], rows[:, 5], has_answer)
            metrics |= {
                "best_em": best_em,
                "best_em_threshold": best_em_threshold,
                "best_f1": best_f1,
                "best_threshold": best_f1_threshold,
            }
        return metrics

    def reset(self) -> None:
        self._rows: list[numpy.ndarray] = []


def is_exact(answer: str, gold: Sequence[str]) -> bool:
    """Tells whether an answer, empty for none, is one of those, none of an impossible question."""
    known = [text for text in map(normalize_answer, gold) if text] or [""]
    return normalize_answer(answer) in known


def best_threshold(
    scores: numpy.ndarray, null_score_diffs: numpy.ndarray, has_answer: numpy.ndarray
) -> tuple[float, float]:
    """
    Finds the best score in percent that a `null_score_diff_threshold` can give, and that threshold,
    as in the official evaluation of SQuAD 2.0: questions are answered in the order of the
    difference, from none to all of them.

    # Parameters

    scores : `numpy.ndarray`
        Of the best answer to each question, were it given.
    null_score_diffs : `numpy.ndarray`
        The score of no answer minus that of the best answer.
    has_answer : `numpy.ndarray`
        Whether the question has an answer.
    """
    order = null_score_diffs.argsort(kind="stable")
    gains = numpy.where(has_answer, scores, -1.0)[order]
    totals = (~has_answer).sum() + numpy.concatenate([[0.0], gains.cumsum()])
    answered = int(totals.argmax())
    lowest = float(null_score_diffs[order[0]])
    if answered:
        threshold = float(null_score_diffs[order[answered - 1]])
    else:
        # The official one is 0: its scores are probabilities, ours may be below.
        threshold = 0.0 if lowest > 0 else float(numpy.nextafter(lowest, -numpy.inf))
    return 100.0 * float(totals[answered]) / len(scores), threshold


def _em_and_f1(prefix: str, scores: numpy.ndarray) -> dict[str, float]:
    em, f1 = 100.0 * scores.mean(0)
    return {f"{prefix}em": float(em), f"{prefix}f1": float(f1)}
