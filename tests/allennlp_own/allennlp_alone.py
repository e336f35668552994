"""
A plugin for pytest, for AllenNLP's own tests: AllenNLP finds every plugin but ours, which replaces
parts of it, a blank pipeline stands in for spaCy's English model where that is not installed, and
each outcome is written down when it is known.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

import spacy
from allennlp.common.util import import_module_and_submodules

sys.modules["bert_classification"] = None  # type: ignore[assignment]


def load_or_blank(name: str, *args: Any, **options: Any) -> Any:
    try:
        return load(name, *args, **options)
    except OSError:
        if name != "en_core_web_sm":
            raise
        pipeline = spacy.blank("en")
        pipeline.add_pipe("sentencizer")
        return pipeline


load, spacy.load = spacy.load, load_or_blank


def pytest_configure() -> None:
    # Folders of allennlp-models use what others register.
    if Path("allennlp_models").is_dir():
        import_module_and_submodules("allennlp_models")


def pytest_runtest_logreport(report: Any) -> None:
    if report.failed or (report.when == "call" and report.passed):
        write(report)


def pytest_collectreport(report: Any) -> None:
    if report.failed:
        write(report)


def write(report: Any) -> None:
    crash = getattr(report.longrepr, "reprcrash", None)
    message = crash.message if crash else str(report.longrepr or "")
    outcome = {"test": report.nodeid, "passed": report.passed, "message": message}
    with open(os.environ["ALLENNLP_OUTCOMES"], "a", encoding="utf-8") as file:
        file.write(f"{json.dumps(outcome)}\n")
