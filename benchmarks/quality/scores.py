"""
The data sets' own measures, by the libraries that define them; both sides are judged by these.
"""

from typing import Any, Callable, Sequence

import numpy
from allennlp_models.rc.tools.squad import get_metric_score
from scipy.stats import pearsonr, spearmanr
from seqeval.metrics import f1_score as span_f1_score
from sklearn.metrics import accuracy_score, f1_score

from benchmarks.quality.features import Asked

Scores = dict[str, float]
Score = Callable[[Sequence[Any], Sequence[Any]], Scores]
"""Of predictions and gold values, in the order of the file."""


def accuracy(predicted: Sequence[Any], gold: Sequence[Any]) -> Scores:
    return {"accuracy": float(accuracy_score(gold, predicted))}


def correlation(predicted: Sequence[float], gold: Sequence[float]) -> Scores:
    return {
        "pearson": float(pearsonr(predicted, gold).statistic),
        "spearman": float(spearmanr(predicted, gold).statistic),
    }


def label_f1(predicted: Sequence[set[str]], gold: Sequence[set[str]]) -> Scores:
    names = sorted(set().union(*predicted, *gold))
    rows = [
        numpy.array([[name in labels for name in names] for labels in side])
        for side in (gold, predicted)
    ]
    return {"micro_f1": float(f1_score(*rows, average="micro", zero_division=0.0))}


def span_f1(predicted: Sequence[list[str]], gold: Sequence[list[str]]) -> Scores:
    return {"f1": float(span_f1_score(list(gold), list(predicted), zero_division=0.0))}


def answers(predicted: Sequence[str], gold: Sequence[Asked]) -> Scores:
    """The official evaluation of SQuAD, by the functions that allennlp-models has of it."""
    pairs = numpy.array(
        [get_metric_score(each, asked.answers) for each, asked in zip(predicted, gold)]
    )
    em, f1 = 100.0 * pairs.mean(0)
    return {"f1": float(f1), "em": float(em)}
