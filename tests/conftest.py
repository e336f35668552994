"""The fixtures of all tests; what else they share is `tests/support.py`."""

import json
import logging
import os
import socket
import threading
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest
import uvicorn

os.environ.setdefault("HF_HUB_OFFLINE", "1")
# The tiny BERT is too small to share among threads.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from allennlp.predictors import Predictor  # noqa: E402

import bert_classification  # noqa: E402, F401  registers everything
from bert_classification.serving.app import make_app  # noqa: E402
from tests.support import ROOT, allennlp  # noqa: E402


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--examples", type=int, default=20, help="of each fuzz test")


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
