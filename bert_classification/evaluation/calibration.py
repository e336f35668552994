"""Whether 0.9 means 0.9: how often answers are right, beside how sure the model is of them."""

from typing import Any

import numpy
from allennlp.common.util import JsonDict

from bert_classification.evaluation.page import Section
from bert_classification.evaluation.pictures import ACCENT, INK, SOFT, draw

BINS = 15


def reliability(confidences: numpy.ndarray, correct: numpy.ndarray) -> JsonDict:
    """
    Counts answers in bins of equal width by their confidence, and computes the expected calibration
    error (Naeini et al. 2015): the mean distance of accuracy and confidence in a bin.
    """
    places = numpy.clip(numpy.ceil(confidences * BINS).astype(int) - 1, 0, BINS - 1)
    count = numpy.bincount(places, minlength=BINS)
    sums = [numpy.bincount(places, values, BINS) for values in (correct, confidences)]
    accuracy, confidence = (each / numpy.maximum(count, 1) for each in sums)
    gap = float(count @ abs(accuracy - confidence) / max(count.sum(), 1))
    bins = [
        {
            "to": (place + 1) / BINS,
            "records": int(count[place]),
            "accuracy": float(accuracy[place]),
            "confidence": float(confidence[place]),
        }
        for place in range(BINS)
    ]
    return {"ece": gap, "bins": bins}


def reliability_section(found: JsonDict) -> Section:
    """Draws how often answers are right, and how many are how sure."""
    bins = [each for each in found["bins"] if each["records"]]

    def plot(axes: Any) -> None:
        axes.plot([0, 1], [0, 1], "--", color=SOFT, linewidth=1)
        confidences = [each["confidence"] for each in bins]
        axes.plot(confidences, [each["accuracy"] for each in bins], "o-", color=ACCENT)
        axes.set(xlabel="how sure", ylabel="how often right", xlim=(0, 1), ylim=(0, 1.02))

    def histogram(axes: Any) -> None:
        middles = [each["to"] - 0.5 / BINS for each in found["bins"]]
        right = [each["records"] * each["accuracy"] for each in found["bins"]]
        axes.bar(
            middles,
            [each["records"] for each in found["bins"]],
            0.9 / BINS,
            color=INK,
            label="wrong",
        )
        axes.bar(middles, right, 0.9 / BINS, color=ACCENT, label="right")
        axes.set(xlabel="how sure", ylabel="records", xlim=(0, 1))
        axes.legend()

    title = f"Reliability; expected calibration error {found['ece']:.3f}"
    return Section(
        "How sure it is",
        [draw("reliability", title, plot), draw("confidence", "Confidence", histogram)],
    )
