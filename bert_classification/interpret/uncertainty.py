"""How much a model doubts its answer, as a number for each record."""

import math
from collections import Counter
from contextlib import contextmanager
from typing import Any, Callable, Iterable, Iterator, Mapping, Sequence

import torch
from allennlp.common.checks import ConfigurationError

Distribution = Mapping[Any, float]
"""The probability of each answer."""
Run = Sequence[Distribution]
"""The distributions of one record, of the words of a text for example."""


def margin(runs: Iterable[Run]) -> float:
    """Tells by how little the best answer is ahead of the second, from 0 to 1."""
    (run,) = runs
    return max((1 - _lead(each) for each in run), default=0.0)


def entropy(runs: Iterable[Run]) -> float:
    """Computes the entropy of the answers, in nats, of the word or label that has most."""
    (run,) = runs
    return max(map(_entropy, run), default=0.0)


def disagreement(runs: Iterable[Run]) -> float:
    """
    Computes the mutual information of answer and dropout, in nats: how much the runs, each sure or
    not, contradict each other (Gal et al. 2017, Deep Bayesian active learning; BALD).
    """
    return max((_information(each) for each in zip(*runs)), default=0.0)


SCORES: dict[str, Callable[[Iterable[Run]], float]] = {
    "margin": margin,
    "entropy": entropy,
    "disagreement": disagreement,
}


@contextmanager
def with_dropout(model: torch.nn.Module, on: bool) -> Iterator[None]:
    """Lets the parts of a model drop out as in training, where that is `on`."""
    # The model itself goes on to answer.
    for part in model.children():
        part.train(on)
    try:
        yield
    finally:
        model.eval()


def check_dropout(model: torch.nn.Module) -> None:
    """Raises `ConfigurationError` for a model that drops nothing out."""
    if not any(isinstance(each, torch.nn.Dropout) and each.p > 0 for each in model.modules()):
        raise ConfigurationError(
            "the model has no dropout, by which its runs could disagree; take another `--by`."
        )


def _lead(probs: Distribution) -> float:
    best, second = sorted([*probs.values(), 0.0, 0.0], reverse=True)[:2]
    return best - second


def _entropy(probs: Distribution) -> float:
    return -sum(each * math.log(each) for each in probs.values() if each > 0)


def _information(runs: tuple[Distribution, ...]) -> float:
    total: Counter[Any] = Counter()
    for each in runs:
        total.update(each)  # type: ignore[arg-type]
    mean = {answer: prob / len(runs) for answer, prob in total.items()}
    return max(0.0, _entropy(mean) - sum(map(_entropy, runs)) / len(runs))
