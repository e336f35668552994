"""Predictors that the tests of serving share."""

import pytest
from allennlp.predictors import Predictor


@pytest.fixture(scope="module")
def archives(archive_of) -> dict[str, Predictor]:
    tasks = ("classification", "causal_lm")
    return {task: Predictor.from_path(archive_of(task)) for task in tasks}


@pytest.fixture(scope="module")
def predictor(archive_of) -> Predictor:
    return Predictor.from_path(str(archive_of("classification")))
