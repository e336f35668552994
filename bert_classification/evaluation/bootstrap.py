"""
How far chance goes: percentile intervals over resamples of the records (Efron 1979), seeded, and
McNemar's test of two models on the same records.
"""

import warnings
from typing import Callable, Iterator, NamedTuple

import numpy
from scipy.stats import binomtest, chi2

Scores = Callable[[numpy.ndarray], dict[str, float]]

RESAMPLES = 1000
MANY_RECORDS, FEWER_RESAMPLES = 100_000, 200
"""From so many records on intervals are narrow, and resamples slow."""
FEW = 25
"""Records on which two models differ, below which McNemar's test is exact."""


class Interval(NamedTuple):
    """A metric, and the ends of its 95 % interval."""

    value: float
    low: float
    high: float


def resamples(records: int, seed: int) -> Iterator[numpy.ndarray]:
    """Yields how often each record stands in a resample, shape `(records,)`; the same each time."""
    generator = numpy.random.default_rng(seed)
    for _ in range(RESAMPLES if records < MANY_RECORDS else FEWER_RESAMPLES):
        drawn = generator.integers(records, size=records)
        yield numpy.bincount(drawn, minlength=records).astype(numpy.float64)


def intervals(scores: Scores, records: int, seed: int) -> dict[str, Interval]:
    """Computes each metric and its interval."""
    values = scores(numpy.ones(records))
    drawn = [list(scores(weights).values()) for weights in resamples(records, seed)]
    low, high = ends(numpy.array(drawn).reshape(-1, len(values)))
    return {
        name: Interval(value, float(low[place]), float(high[place]))
        for place, (name, value) in enumerate(values.items())
    }


def ends(drawn: numpy.ndarray) -> numpy.ndarray:
    """
    Finds the ends of intervals, shape `(2, metrics)`, of what was drawn, shape `(resamples,
    metrics)`. A resample in which a metric is undefined does not count for it.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # Where it is undefined in all.
        return numpy.nanquantile(drawn, [0.025, 0.975], axis=0)


class Test(NamedTuple):
    """
    only_a, only_b : `int`
        The records that only one of two models has right.
    p : `float`
        How likely they would be so unequal if both models were equally good.
    """

    only_a: int
    only_b: int
    p: float


def mcnemar(correct_a: numpy.ndarray, correct_b: numpy.ndarray) -> Test:
    """
    Tests whether one of two models is right more often (McNemar 1947): exactly, by the binomial
    distribution, where they differ on few records, else by chi-squared without correction, which
    is nearer to the wanted level (Fagerland et al. 2013).
    """
    a, b = correct_a.astype(bool), correct_b.astype(bool)
    only_a, only_b = int((a & ~b).sum()), int((b & ~a).sum())
    different = only_a + only_b
    if not different:
        return Test(0, 0, 1.0)
    if different < FEW:
        return Test(only_a, only_b, float(binomtest(only_a, different).pvalue))
    return Test(only_a, only_b, float(chi2.sf((only_a - only_b) ** 2 / different, 1)))
