"""`allennlp serve` as a process of its own, asked over loopback."""

import os
import socket
import subprocess
import sys
import time
from typing import Iterator

import httpx
import pytest


@pytest.fixture(scope="module")
def server(archive_of, tmp_path_factory) -> Iterator[httpx.Client]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    archive = str(archive_of("classification"))
    command = [sys.executable, "-m", "allennlp", "serve", "--archive-path", archive]
    # Away from the repository: the subcommand must be there without .allennlp_plugins.
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    environment = {**os.environ, "PYTHONPATH": os.getcwd()}
    command += ["--port", str(port), "--include-package", "bert_classification"]
    process = subprocess.Popen(command, cwd=elsewhere, env=environment, stderr=subprocess.DEVNULL)
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
        wait_until_healthy(client, process)
        yield client
    process.terminate()
    assert process.wait(timeout=20) == 0


def wait_until_healthy(client: httpx.Client, process: subprocess.Popen) -> None:
    for _ in range(600):
        assert process.poll() is None, "the server ended"
        try:
            if client.get("/health").status_code == 200:
                return
        except httpx.ConnectError:
            time.sleep(0.1)
    raise AssertionError("the server does not answer")


def test_predicts_one_record_and_a_batch(server) -> None:
    one = server.post("/predict", json={"text": "Lovely food", "id": 3}).json()
    assert one["label"] in ("positive", "negative", "neutral") and one["id"] == 3
    batch = server.post("/predict_batch", json=[{"text": "Lovely food"}, {"text": 1}]).json()
    assert batch[0]["logits"] == pytest.approx(one["logits"], abs=1e-5)
    assert "expected a string" in batch[1]["error"]


@pytest.mark.parametrize(
    "path, body, status, message",
    [
        ("/predict", "{", 400, "not valid JSON"),
        ("/predict", "[]", 400, "expected one record"),
        ("/predict", '{"note": 1}', 422, "no key `text`"),
        ("/predict_batch", "{}", 400, "expected a list"),
        ("/nowhere", "{}", 404, "Not Found"),
    ],
)
def test_every_error_is_json(server, path, body, status, message) -> None:
    answer = server.post(path, content=body, headers={"content-type": "application/json"})
    assert answer.status_code == status
    assert message in answer.json()["error"]
