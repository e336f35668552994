"""Temperature, scores of calibration, abstention and label sets beside scikit-learn and scipy."""

import math

import numpy
import pytest
from allennlp.common.checks import ConfigurationError
from scipy.optimize import minimize
from scipy.special import expit, softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import brier_score_loss, log_loss

from bert_classification.training.calibration_scores import (
    AnyRight,
    OneRight,
    SomeRight,
    area_under_risk_coverage,
    calibration_scores,
    confidence_for_accuracy,
    confidence_for_coverage,
    expected_calibration_error,
    fit_temperature,
    least_in_set,
)

COUNT = 2000


def draw(columns: int, temperature: float) -> tuple[numpy.ndarray, numpy.ndarray]:
    """Draws logits that are too large by a factor, and gold labels."""
    random = numpy.random.default_rng(3)
    logits = random.normal(size=(COUNT, columns)) * 1.5
    gold = [random.choice(columns, p=row) for row in softmax(logits, -1)]
    return logits * temperature, numpy.array(gold)


class Logits(ClassifierMixin, BaseEstimator):
    """A classifier whose decisions are what it is given."""

    def fit(self, X, y):
        self.classes_ = numpy.unique(y)
        return self

    def predict(self, X):
        return self.classes_[X.argmax(-1)]

    def decision_function(self, X):
        # Of two classes it takes a decision for the logits of both, with either sign.
        return (X[:, 1] - X[:, 0]) / 2 if X.shape[1] == 2 else X


@pytest.mark.parametrize("columns", [2, 3, 28])
@pytest.mark.parametrize("temperature", [0.5, 2.0])
def test_the_temperature_is_that_of_scikit_learn(columns, temperature) -> None:
    logits, gold = draw(columns, temperature)
    theirs = CalibratedClassifierCV(
        FrozenEstimator(Logits().fit(logits, gold)), method="temperature"
    ).fit(logits, gold)
    (calibrator,) = theirs.calibrated_classifiers_[0].calibrators
    found = fit_temperature(OneRight(list(logits), list(gold)))
    assert found == pytest.approx(1 / calibrator.beta_, abs=1e-3)
    assert found == pytest.approx(temperature, rel=0.1)


def test_the_temperature_of_many_labels_has_the_least_loss() -> None:
    random = numpy.random.default_rng(3)
    logits = random.normal(size=(COUNT, 5))
    gold = random.random(logits.shape) < expit(logits)
    predictions = AnyRight([(row, row > 0) for row in 3 * logits], list(gold))
    by_scipy = minimize(lambda beta: predictions.nll(1 / beta[0]), [1.0]).x[0]
    assert fit_temperature(predictions) == pytest.approx(1 / by_scipy, abs=1e-3)
    assert predictions.nll(1.0) == pytest.approx(log_loss(gold.ravel(), expit(3 * logits).ravel()))


@pytest.mark.parametrize("gold", ["right", "wrong"])
def test_a_model_that_is_always_right_or_wrong_has_no_temperature(gold) -> None:
    logits, _ = draw(3, 1.0)
    column = logits.argmax(-1) if gold == "right" else logits.argmin(-1)
    assert fit_temperature(OneRight(list(logits), list(column))) is None


def test_scores_are_those_of_scikit_learn() -> None:
    logits, gold = draw(4, 2.0)
    scores = calibration_scores(OneRight(list(logits), list(gold)), 1.5)
    probs = softmax(logits / 1.5, -1)
    assert scores["nll"] == pytest.approx(log_loss(gold, probs))
    assert scores["brier"] == pytest.approx(brier_score_loss(gold, probs, scale_by_half=False))
    sure, right = probs.max(-1), probs.argmax(-1) == gold
    bins = numpy.digitize(sure, numpy.linspace(0, 1, 16)[1:-1])
    gaps = [abs(right[bins == n].sum() - sure[bins == n].sum()) for n in range(15)]
    assert scores["ece"] == pytest.approx(sum(gaps) / COUNT)


def test_scores_by_hand() -> None:
    sure, right = numpy.array([0.9, 0.8, 0.8, 0.6]), numpy.array([True, True, False, False])
    assert area_under_risk_coverage(sure, right) == pytest.approx((0 + 0 + 1 / 3 + 2 / 4) / 4)
    assert expected_calibration_error(sure, right) == pytest.approx((0.1 + 0.6 + 0.6) / 4)
    # What is equally sure is answered together.
    assert confidence_for_accuracy(sure, right, 0.9) == 0.9
    assert confidence_for_accuracy(sure, right, 0.6) == 0.8
    assert confidence_for_coverage(sure, 0.5) == 0.8
    with pytest.raises(ConfigurationError, match="at best 0.500"):
        confidence_for_accuracy(sure, ~right, 0.6)


def test_choices_of_different_numbers() -> None:
    rows = [numpy.array([2.0, 0.0]), numpy.array([0.0, 1.0, 0.5])]
    scores = calibration_scores(OneRight(rows, [0, 2]), 2.0)
    probs = [softmax(row / 2) for row in rows]
    assert scores["nll"] == pytest.approx(-(math.log(probs[0][0]) + math.log(probs[1][2])) / 2)


def test_answers_of_which_none_is_right() -> None:
    rows = [(numpy.array([3.0, 1.0]), 0), (numpy.array([2.0, 1.0, 0.0]), 0)]
    predictions = SomeRight(rows, [numpy.array([False, True]), numpy.array([False] * 3)])
    assert predictions.correct.tolist() == [False, False]
    assert predictions.gold_probs(1.0) == pytest.approx([softmax([3.0, 1.0])[1], 0])
    sure = [softmax(scores)[0] for scores, _ in rows]
    assert predictions.nll(1.0) == pytest.approx(-numpy.log1p(-numpy.array(sure)).mean())


@pytest.mark.parametrize("coverage", [0.8, 0.9, 0.95])
def test_sets_hold_the_right_label_as_often_as_they_say(coverage) -> None:
    logits, gold = draw(6, 1.0)
    half = COUNT // 2
    fitted, held_out = (OneRight(list(logits[p]), list(gold[p])) for p in halves(half))
    least = least_in_set(fitted.gold_probs(1.0), coverage)
    assert (held_out.gold_probs(1.0) >= least).mean() == pytest.approx(coverage, abs=0.02)


def halves(half: int) -> tuple[slice, slice]:
    return slice(0, half), slice(half, None)


def test_sets_need_enough_records() -> None:
    assert least_in_set(numpy.arange(9) / 10, 0.9) == 0
    with pytest.raises(ConfigurationError, match="9 records are needed; there are 8"):
        least_in_set(numpy.arange(8) / 10, 0.9)
