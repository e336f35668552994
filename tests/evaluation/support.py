"""Predictions of no model, and reports of them and of the archives in the fixtures."""

import json
from pathlib import Path
from typing import Any, NamedTuple

from tests.support import FIXTURES, allennlp, read_json_lines, write_lines

ARCHIVES = FIXTURES / "archives"


class Made(NamedTuple):
    """What a command has written: `report.json`, and the lines of predictions."""

    report: dict[str, Any]
    lines: list[dict[str, Any]]
    directory: Path

    def score(self, name: str) -> float:
        return self.report["scores"][name]["value"]


def dev_of(task: str) -> Path:
    """Gives the labelled data of a task."""
    return next((FIXTURES / task).glob("dev.*"))


def report(directory: Path, *arguments: object) -> Made:
    """Runs `allennlp report`."""
    allennlp("report", *arguments, "-d", directory)
    written = json.loads((directory / "report.json").read_text(encoding="utf-8"))
    return Made(written, read_json_lines(directory / "predictions.jsonl"), directory)


def report_lines(directory: Path, task: str, lines: list[dict[str, Any]], *more: object) -> Made:
    """Runs `allennlp report` on predictions that were made up."""
    return report(directory, write_predictions(directory, task, lines), *more)


def write_predictions(
    directory: Path, task: str, lines: list[dict[str, Any]], name: str = "given.jsonl"
) -> str:
    directory.mkdir(parents=True, exist_ok=True)
    whole = [
        {
            "id": number,
            "file": "dev.jsonl",
            "line": number,
            "task": task,
            "confidence": 0.5,
            "loss": 1.0,
            **line,
        }
        for number, line in enumerate(lines, 1)
    ]
    return write_lines(directory / name, whole)
