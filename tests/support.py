"""What the tests share: where things are, AllenNLP's commands as a user runs them, and numbers."""

import json
import logging
import subprocess
import sys
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import torch
from allennlp.commands import main
from allennlp.predictors import Predictor

import bert_classification  # noqa: F401  registers everything

ROOT = Path(__file__).parent.parent
FIXTURES = ROOT / "fixtures"
BERT = str(FIXTURES / "bert")
PACKAGE = ROOT / "bert_classification"
TASKS = sorted(path.parent.name for path in PACKAGE.glob("*/dataset_reader.py"))


def predictor_class(task: str) -> Any:
    """Gives the class that says what a task is."""
    return Predictor.by_name(f"bert_for_{task}")


EXPLAINED = [task for task in TASKS if predictor_class(task).segment_keys]
"""The tasks where word importance can be told."""


def allennlp(*arguments: object) -> None:
    """Runs an `allennlp` command in this process; what it raises reaches the test."""
    handlers, level = logging.root.handlers[:], logging.root.level
    try:
        with mock.patch.object(sys, "argv", ["allennlp", *map(str, arguments)]):
            main(prog="allennlp")
    finally:
        logging.root.handlers[:] = handlers
        logging.root.setLevel(level)


def run_allennlp(*arguments: object, **options: Any) -> subprocess.CompletedProcess:
    """Runs an `allennlp` command in a process of its own, as a user does."""
    command = [sys.executable, "-m", "allennlp", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, **options)


def write_lines(path: Path, lines: list[Any]) -> str:
    """Writes JSON lines; a string is written as it stands."""
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    path.write_text("".join(f"{text}\n" for text in texts), encoding="utf-8")
    return str(path)


def read_json_lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def short_record(task: str) -> dict[str, Any]:
    """Gives a record for a task: the first of those that its fixtures have for prediction."""
    record = read_json_lines(FIXTURES / task / "predict.jsonl")[0]
    return {key: value for key, value in record.items() if key != "id"}


def assert_close(value: Any, expected: Any, tolerance: float = 1e-4) -> None:
    """Asserts that two values are equal, numbers in any depth to the tolerance."""
    if isinstance(expected, dict):
        assert value.keys() == expected.keys()
        value, expected = list(value.values()), list(expected.values())
    if isinstance(expected, list):
        assert len(value) == len(expected)
        for pair in zip(value, expected):
            assert_close(*pair, tolerance)
    else:
        assert value == (
            pytest.approx(expected, abs=tolerance) if isinstance(expected, float) else expected
        )


def random_batch(lengths: list[int]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Draws word pieces, their types and the mask of texts of these lengths, the same each time."""
    generator = torch.Generator().manual_seed(7)
    # (texts, longest)
    mask = torch.arange(max(lengths)).expand(len(lengths), -1) < torch.tensor(lengths).unsqueeze(1)
    ids = torch.randint(5, 500, mask.shape, generator=generator) * mask
    types = torch.randint(0, 2, mask.shape, generator=generator) * mask
    return ids, types, mask
