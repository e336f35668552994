"""
How well probabilities keep what they promise, and what follows from it: a temperature, a confidence
from which on to answer, sets that hold the right label. Plain numbers of predictions and gold.
"""

import math
from typing import Optional, Sequence

import numpy
from allennlp.common.checks import ConfigurationError
from numpy import ndarray
from scipy.optimize import minimize_scalar
from scipy.special import expit, log_softmax, softmax

BINS = 15
LOWEST, HIGHEST = 1e-3, 1e3
"""Temperatures beyond are of a model that makes no mistake, or of one that knows nothing."""


class OneRight:
    """
    Rows of logits of which one column is right: labels, choices, tags.

    # Parameters

    rows : `Sequence[ndarray]`
        The logits of each, shape `(columns,)`; of choices their numbers may differ.
    gold : `Sequence[int]`
        The right column of each.
    """

    def __init__(self, rows: Sequence[ndarray], gold: Sequence[int]) -> None:
        # (rows, columns)
        self.logits = _padded(rows)
        self._gold = numpy.asarray(gold)[:, None]
        self._given = self.logits.argmax(-1)[:, None]
        self.correct = (self._given == self._gold)[:, 0]

    def confidences(self, temperature: float) -> ndarray:
        """Gives the probability of what was given, by row."""
        return _take(softmax(self.logits / temperature, -1), self._given)

    def gold_probs(self, temperature: float) -> ndarray:
        """Gives the probability of what is right, by row."""
        return _take(softmax(self.logits / temperature, -1), self._gold)

    def nll(self, temperature: float) -> float:
        return -_take(log_softmax(self.logits / temperature, -1), self._gold).mean()

    def brier(self, temperature: float) -> float:
        probs = softmax(self.logits / temperature, -1)
        numpy.put_along_axis(probs, self._gold, _take(probs, self._gold)[:, None] - 1, -1)
        return (probs**2).sum(-1).mean()

    def claims(self, temperature: float) -> tuple[ndarray, ndarray]:
        """Gives probabilities that something holds, and whether it does."""
        return self.confidences(temperature), self.correct


class AnyRight:
    """
    Rows of logits of which any columns are right, each by itself: many labels.

    # Parameters

    rows : `Sequence[Tuple[ndarray, ndarray]]`
        The logits of each, and which of the labels were given, shape `(labels,)`.
    gold : `Sequence[ndarray]`
        Which labels are right.
    """

    def __init__(self, rows: Sequence[tuple[ndarray, ndarray]], gold: Sequence[ndarray]) -> None:
        self.logits = numpy.stack([logits for logits, _ in rows]).astype(float)
        self._given = numpy.stack([given for _, given in rows])
        self._gold = numpy.stack(gold).astype(bool)
        self.correct = (self._given == self._gold).all(-1)

    def confidences(self, temperature: float) -> ndarray:
        """Gives the probability that exactly the labels given are right, by row."""
        probs = expit(self.logits / temperature)
        return numpy.where(self._given, probs, 1 - probs).prod(-1)

    def gold_probs(self, temperature: float) -> ndarray:
        """Gives the probability of the right label that is the least probable, by row."""
        return numpy.where(self._gold, expit(self.logits / temperature), 1.0).min(-1)

    def nll(self, temperature: float) -> float:
        signed = numpy.where(self._gold, self.logits, -self.logits) / temperature
        return numpy.logaddexp(0, -signed).mean()

    def brier(self, temperature: float) -> float:
        return ((expit(self.logits / temperature) - self._gold) ** 2).mean()

    def claims(self, temperature: float) -> tuple[ndarray, ndarray]:
        return expit(self.logits / temperature).ravel(), self._gold.ravel()


class SomeRight:
    """
    Rows of scores of candidates of which several, or none, may be right: answers. What is claimed
    is that the one given is right.

    # Parameters

    rows : `Sequence[Tuple[ndarray, int]]`
        The scores of the candidates of each, and which was given.
    gold : `Sequence[ndarray]`
        Which of them are right.
    """

    def __init__(self, rows: Sequence[tuple[ndarray, int]], gold: Sequence[ndarray]) -> None:
        self.logits = _padded([scores for scores, _ in rows])
        self._given = numpy.array([given for _, given in rows])[:, None]
        self._gold = _padded(gold, 0).astype(bool)
        self.correct = _take(self._gold, self._given)

    def confidences(self, temperature: float) -> ndarray:
        return _take(softmax(self.logits / temperature, -1), self._given)

    def gold_probs(self, temperature: float) -> ndarray:
        """Gives the probability of the best candidate that is right, 0 where there is none."""
        return numpy.where(self._gold, softmax(self.logits / temperature, -1), 0.0).max(-1)

    def nll(self, temperature: float) -> float:
        probs = self.confidences(temperature).clip(1e-12, 1 - 1e-12)
        return -numpy.log(numpy.where(self.correct, probs, 1 - probs)).mean()

    def brier(self, temperature: float) -> float:
        return ((self.confidences(temperature) - self.correct) ** 2).mean()

    def claims(self, temperature: float) -> tuple[ndarray, ndarray]:
        return self.confidences(temperature), self.correct


def _padded(rows: Sequence[ndarray], value: float = -numpy.inf) -> ndarray:
    padded = numpy.full((len(rows), max(map(len, rows))), value)
    for index, row in enumerate(rows):
        padded[index, : len(row)] = row
    return padded


def _take(values: ndarray, columns: ndarray) -> ndarray:
    return numpy.take_along_axis(values, columns, -1)[:, 0]


def fit_temperature(predictions: OneRight | AnyRight | SomeRight) -> Optional[float]:
    """
    Finds the temperature with the least negative log-likelihood (Guo et al. 2017); `None` where
    there is none, as of a model that makes no mistake.
    """
    found = minimize_scalar(
        lambda logarithm: predictions.nll(math.exp(logarithm)),
        bounds=(math.log(LOWEST), math.log(HIGHEST)),
        method="bounded",
        options={"xatol": 1e-9},
    )
    temperature = math.exp(found.x)
    inside = LOWEST * 1.01 < temperature < HIGHEST / 1.01
    return temperature if inside and math.isfinite(found.fun) else None


def calibration_scores(
    predictions: OneRight | AnyRight | SomeRight, temperature: float
) -> dict[str, float]:
    """
    Computes `ece`, the expected calibration error over 15 bins of equal width; `brier`, the mean
    squared error of the probabilities, summed over the labels of which one is right; `nll`, the
    mean negative log-likelihood; and `aurc`, the area under the curve of the share of mistakes over
    the share of records answered, the surest first (Geifman and El-Yaniv 2017).
    """
    return {
        "ece": expected_calibration_error(*predictions.claims(temperature)),
        "brier": float(predictions.brier(temperature)),
        "nll": float(predictions.nll(temperature)),
        "aurc": area_under_risk_coverage(predictions.confidences(temperature), predictions.correct),
    }


def expected_calibration_error(probs: ndarray, holds: ndarray) -> float:
    bins = numpy.minimum((probs * BINS).astype(int), BINS - 1)
    gaps = numpy.bincount(bins, holds.astype(float) - probs, BINS)
    return float(numpy.abs(gaps).sum() / len(probs))


def area_under_risk_coverage(confidences: ndarray, correct: ndarray) -> float:
    return float(_risks(confidences, correct).mean())


def _risks(confidences: ndarray, correct: ndarray) -> ndarray:
    """Gives the share of mistakes among the surest one, two, three ... of the predictions."""
    order = numpy.argsort(-confidences, kind="stable")
    return numpy.cumsum(~correct[order]) / numpy.arange(1, len(order) + 1)


def confidence_for_accuracy(confidences: ndarray, correct: ndarray, accuracy: float) -> float:
    """
    Finds the least confidence from which on this share of the predictions is right.

    # Raises

    `ConfigurationError` where there is none.
    """
    ranked = -numpy.sort(-confidences)
    shares = 1 - _risks(confidences, correct)
    # Those of one confidence are answered together.
    ends = numpy.append(ranked[1:] < ranked[:-1], True)
    reached = numpy.flatnonzero(ends & (shares >= accuracy))
    if not len(reached):
        best = shares[ends].max()
        raise ConfigurationError(
            f"`--target-accuracy` is {accuracy:g}, which the model has at no confidence: at best "
            f"{best:.3f}."
        )
    return float(ranked[reached[-1]])


def confidence_for_coverage(confidences: ndarray, coverage: float) -> float:
    """Finds the confidence that this share of the predictions has, or more."""
    ranked = -numpy.sort(-confidences)
    return float(ranked[math.ceil(coverage * len(ranked) - 1e-9) - 1])


def least_in_set(gold_probs: ndarray, coverage: float) -> float:
    """
    Finds the probability from which on labels are in the set of a record, so that the right one is
    in this share of the sets (split conformal prediction: Vovk et al. 2005, with the score of
    Sadinle et al. 2019).

    # Raises

    `ConfigurationError` for too few records.
    """
    count = len(gold_probs)
    rank = math.ceil((count + 1) * coverage - 1e-9)
    if rank > count:
        needed = math.ceil(coverage / (1 - coverage) - 1e-9)
        raise ConfigurationError(
            f"`conformal` is {coverage:g}, for which {needed} records are needed; there are "
            f"{count}."
        )
    return float(-numpy.sort(-gold_probs)[rank - 1])
