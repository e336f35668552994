"""Figures of records whose gold value is a number."""

from array import array
from typing import Any, Optional

import numpy
from allennlp.common.util import JsonDict
from scipy.stats import rankdata

from bert_classification.evaluation.bootstrap import Interval
from bert_classification.evaluation.figures import Figures, Show, mean, sure
from bert_classification.evaluation.page import Section
from bert_classification.evaluation.pictures import ACCENT, SOFT, draw

MAX_POINTS = 2000


class NumberFigures(Figures):
    """Of lines with numbers as `gold` and `prediction`."""

    main = "pearson"
    falling = ("loss", "mse", "mae")

    def __init__(self) -> None:
        super().__init__()
        self._gold, self._given = array("d"), array("d")
        self._ranks: Optional[tuple[numpy.ndarray, numpy.ndarray]] = None

    def add(self, line: JsonDict, offset: int) -> None:
        super().add(line, offset)
        self._gold.append(line["gold"])
        self._given.append(line["prediction"])

    def is_correct(self, line: JsonDict) -> Optional[bool]:
        return None

    def scores(self, weights: numpy.ndarray) -> dict[str, float]:
        gold, given = numpy.frombuffer(self._gold), numpy.frombuffer(self._given)
        if self._ranks is None:
            # Of a resample the ranks are those in all records.
            self._ranks = rankdata(gold), rankdata(given)
        return {
            "pearson": correlation(gold, given, weights),
            "spearman": correlation(*self._ranks, weights),
            "mse": mean((gold - given) ** 2, weights),
            "mae": mean(abs(gold - given), weights),
        }

    def describe(self) -> JsonDict:
        residuals = numpy.frombuffer(self._given) - numpy.frombuffer(self._gold)
        return {"residuals": {"mean": float(residuals.mean()), "deviation": float(residuals.std())}}

    def sections(self, show: Show, found: dict[str, Interval]) -> list[Section]:
        gold, given = numpy.frombuffer(self._gold), numpy.frombuffer(self._given)
        places = numpy.random.default_rng(0).permutation(len(gold))[:MAX_POINTS]

        def scatter(axes: Any) -> None:
            axes.plot(gold[places], given[places], ".", color=ACCENT, alpha=0.4, markersize=4)
            ends = [min(gold.min(), given.min()), max(gold.max(), given.max())]
            axes.plot(ends, ends, "--", color=SOFT, linewidth=1)
            axes.set(xlabel="gold", ylabel="prediction")

        def residuals(axes: Any) -> None:
            axes.hist(given - gold, bins=40, color=ACCENT)
            axes.set(xlabel="prediction less gold", ylabel="records")

        pictures = [
            draw("scatter", "Predictions", scatter),
            draw("residuals", "Residuals", residuals),
        ]
        return [Section("Numbers", pictures)]

    def heading(self, line: JsonDict) -> str:
        return f"{line['gold']:.3f}, predicted {line['prediction']:.3f}{sure(line)}"


def correlation(one: numpy.ndarray, other: numpy.ndarray, weights: numpy.ndarray) -> float:
    """Computes Pearson's correlation; 0 where a side does not vary."""
    one, other = one - mean(one, weights), other - mean(other, weights)
    variances = (weights @ one**2) * (weights @ other**2)
    return float(weights @ (one * other) / numpy.sqrt(variances)) if variances > 0 else 0.0
