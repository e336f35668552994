"""Exported checkpoints and predictors of the tasks, each made once."""

from pathlib import Path
from typing import Callable

import pytest
from allennlp.predictors import Predictor

from tests.commands.support import ONNX
from tests.support import allennlp


@pytest.fixture(scope="module")
def export(archive_of, tmp_path_factory) -> Callable[[str], Path]:
    """The directory that `allennlp export-hf` makes of a task's archive; each is made once."""
    directories: dict[str, Path] = {}

    def export(task: str) -> Path:
        if task not in directories:
            directories[task] = tmp_path_factory.mktemp("exported") / task
            onnx = ["--onnx"] if task in ONNX else []
            allennlp("export-hf", archive_of(task), directories[task], *onnx)
        return directories[task]

    return export


@pytest.fixture(scope="module")
def predictor_of(archive_of) -> Callable[[str], Predictor]:
    predictors: dict[str, Predictor] = {}

    def load(task: str) -> Predictor:
        if task not in predictors:
            predictors[task] = Predictor.from_path(archive_of(task))
        return predictors[task]

    return load
