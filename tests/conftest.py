"""What all tests share: the tiny BERT, and AllenNLP's commands as a user runs them."""

import json
import logging
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, Callable, Iterator
from unittest import mock

import pytest
import uvicorn

os.environ.setdefault("HF_HUB_OFFLINE", "1")
# The tiny BERT is too small to share among threads.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from allennlp.commands import main  # noqa: E402
from allennlp.predictors import Predictor  # noqa: E402

import bert_classification  # noqa: E402, F401  registers everything
from bert_classification.serving.app import make_app  # noqa: E402

ROOT = Path(__file__).parent.parent
FIXTURES = ROOT / "fixtures"
BERT = str(FIXTURES / "bert")


@pytest.fixture(autouse=True)
def in_repository_root(monkeypatch: pytest.MonkeyPatch) -> None:
    """The shipped configs name their files from the repository's root."""
    monkeypatch.chdir(ROOT)


@pytest.fixture(autouse=True)
def with_its_own_logging() -> Iterator[None]:
    """Training adds log files to the root logger; they are gone with the test's directory."""
    handlers, level = logging.root.handlers[:], logging.root.level
    yield
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)


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


@pytest.fixture(scope="session")
def archive_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The archive that `allennlp train` makes of a task's shipped config; each is trained once."""
    archives: dict[str, Path] = {}

    def train(task: str) -> Path:
        if task not in archives:
            directory = tmp_path_factory.mktemp(task) / "trained"
            here = os.getcwd()
            os.chdir(ROOT)
            overrides = json.dumps({"trainer.num_epochs": 1})
            allennlp("train", f"training_config/{task}.jsonnet", "-s", directory, "-o", overrides)
            os.chdir(here)
            archives[task] = directory / "model.tar.gz"
        return archives[task]

    return train


@pytest.fixture
def serve() -> Iterator[Any]:
    """A server on loopback, in a thread, for a predictor."""
    servers = []

    def start(predictor: Predictor, **options: Any) -> str:
        listening = socket.create_server(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(make_app(predictor, **options), log_config=None))
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        servers.append((server, thread))
        return f"http://127.0.0.1:{listening.getsockname()[1]}"

    yield start
    for server, thread in servers:
        server.should_exit = True
        thread.join()


def write_lines(path: Path, lines: list[Any]) -> str:
    """Writes JSON lines; a string is written as it stands."""
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    path.write_text("".join(f"{text}\n" for text in texts), encoding="utf-8")
    return str(path)


def read_json_lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
