"""McNemar's test as statsmodels and scipy have it, and intervals that come out the same again."""

import numpy
import pytest
from scipy.stats import binomtest
from scipy.stats.contingency import chi2_contingency
from statsmodels.stats.contingency_tables import mcnemar as theirs

from bert_classification.evaluation.bootstrap import FEW, intervals, mcnemar


def outcomes(both: int, only_a: int, only_b: int, none: int) -> tuple[numpy.ndarray, numpy.ndarray]:
    sizes = (both, only_a, only_b, none)
    return numpy.repeat([1, 1, 0, 0], sizes), numpy.repeat([1, 0, 1, 0], sizes)


@pytest.mark.parametrize("only_a, only_b", [(0, 1), (3, 9), (12, 12), (24, 0), (5, 20), (200, 150)])
def test_mcnemar_is_that_of_the_libraries(only_a, only_b) -> None:
    found = mcnemar(*outcomes(40, only_a, only_b, 10))
    exact = only_a + only_b < FEW
    expected = theirs([[40, only_a], [only_b, 10]], exact=exact, correction=False)
    assert (found.only_a, found.only_b) == (only_a, only_b)
    assert found.p == pytest.approx(expected.pvalue, abs=1e-9)
    if exact:
        assert found.p == pytest.approx(binomtest(only_a, only_a + only_b).pvalue, abs=1e-9)
    else:
        # The test of homogeneity of the two numbers and their mirror image.
        table = [[only_a, only_b], [only_b, only_a]]
        p = chi2_contingency(table, correction=False).statistic / 2
        assert (only_a - only_b) ** 2 / (only_a + only_b) == pytest.approx(p, abs=1e-9)


def test_models_that_agree() -> None:
    assert mcnemar(*outcomes(5, 0, 0, 2)).p == 1.0


def test_intervals_are_the_same_again_and_hold_the_value() -> None:
    values = numpy.random.default_rng(1).random(300)

    def scores(weights: numpy.ndarray) -> dict[str, float]:
        return {"mean": float(weights @ values / weights.sum())}

    first, again, other = (intervals(scores, 300, seed) for seed in (0, 0, 1))
    assert first == again != other
    found = first["mean"]
    assert found.low < found.value < found.high
    # Of a mean it is about 1.96 standard errors to each side.
    width = 2 * 1.96 * values.std() / numpy.sqrt(300)
    assert found.high - found.low == pytest.approx(width, rel=0.1)
