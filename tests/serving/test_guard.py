"""A server with a token and a queue of two, as a process of its own."""

import json
import signal
import socket
from concurrent.futures import ThreadPoolExecutor
from typing import Iterator

import httpx
import pytest

from tests.serving.support import TOKEN, Server, run_server

# A second or two of the tiny BERT's time.
SLOW = {"text": "The river", "num_beams": 100, "max_new_tokens": 100}
QUICK = {"text": "The river", "max_new_tokens": 1}


@pytest.fixture(scope="module")
def loaded(archive_of, tmp_path_factory) -> Iterator[Server]:
    """One that continues texts, for at most two requests at a time."""
    archive, directory = archive_of("causal_lm"), tmp_path_factory.mktemp("elsewhere")
    options = ("--max-queue", "2", "--root-path", "/here")
    with run_server(archive, directory, *options, BERT_CLASSIFICATION_TOKEN=TOKEN) as server:
        server.client.headers["authorization"] = f"Bearer {TOKEN}"
        yield server


def test_options_of_a_record_stay_its_own(loaded) -> None:
    records = [
        {"text": "The river", "max_new_tokens": 5},
        {"text": "The river", "max_new_tokens": 7, "num_beams": 3},
        {"text": "The old tree", "do_sample": True, "seed": 7, "temperature": 1.5},
        {"text": "The old tree", "do_sample": True, "seed": 8},
    ]
    alone = [loaded.client.post("/predict", json=record).json() for record in records]
    together = loaded.client.post("/predict_batch", json=records).json()
    for one, same in zip(alone, together):
        assert one["continuation"] == same["continuation"]
        assert one["logprob"] == pytest.approx(same["logprob"], abs=1e-5)


def test_token(loaded) -> None:
    url = str(loaded.client.base_url)
    for headers in ({}, {"authorization": "Bearer no"}, {"authorization": f"Basic {TOKEN}"}):
        answer = httpx.post(f"{url}/predict", json=QUICK, headers=headers)
        assert answer.status_code == 401 and "token" in answer.json()["error"]
    assert httpx.get(f"{url}/metrics").status_code == 401
    assert httpx.get(f"{url}/health").json() == {"status": "ok"}


def test_the_description_names_the_path_before_a_proxy(loaded) -> None:
    assert loaded.client.get("/openapi.json").json()["servers"] == [{"url": "/here"}]


def test_over_the_queue_is_refused_at_once(loaded) -> None:
    with ThreadPoolExecutor(2) as threads:
        slow = [threads.submit(loaded.client.post, "/predict", json=SLOW) for _ in range(2)]
        loaded.wait_until(lambda: loaded.figure("queue_requests") == 2)
        refused = [loaded.client.post("/predict", json=QUICK) for _ in range(5)]
        assert not any(each.done() for each in slow)
    assert [answer.status_code for answer in refused] == [503] * 5
    assert refused[0].headers["retry-after"] == "1" and "--max-queue" in refused[0].json()["error"]
    assert [answer.result().status_code for answer in slow] == [200, 200]
    assert loaded.figure("queue_requests") == 0
    assert loaded.client.post("/predict", json=QUICK).status_code == 200


def test_who_hangs_up_costs_no_forward_pass(loaded) -> None:
    gone = 'requests_total{route="/predict",status="499"}'
    before = {name: loaded.figure(name) for name in (gone, "tokens_total", "batch_records_sum")}
    with ThreadPoolExecutor(1) as threads:
        slow = threads.submit(loaded.client.post, "/predict", json=SLOW)
        loaded.wait_until(lambda: loaded.figure("tokens_total") > before["tokens_total"])
        body = json.dumps(QUICK)
        with socket.create_connection(("127.0.0.1", loaded.port)) as connection:
            head = f"host: x\r\nauthorization: Bearer {TOKEN}\r\ncontent-length: {len(body)}"
            connection.sendall(f"POST /predict HTTP/1.1\r\n{head}\r\n\r\n{body}".encode())
            loaded.wait_until(lambda: loaded.figure("queue_requests") == 2)
        loaded.wait_until(lambda: loaded.figure(gone) == before[gone] + 1)
    assert slow.result().status_code == 200
    assert loaded.client.post("/predict", json=QUICK).status_code == 200
    assert loaded.figure("batch_records_sum") == before["batch_records_sum"] + 2


def test_inputs_are_not_logged_unless_asked_for(loaded) -> None:
    loaded.client.post("/predict", json={"text": "a word too many", "top_k": 1})
    assert "a word too many" not in loaded.log.read_text()


def test_sigterm_lets_what_was_accepted_finish(loaded) -> None:
    with ThreadPoolExecutor(1) as threads:
        slow = threads.submit(loaded.client.post, "/predict", json=SLOW)
        loaded.wait_until(lambda: loaded.figure("queue_requests") == 1)
        loaded.process.send_signal(signal.SIGTERM)
    assert slow.result().status_code == 200
    assert loaded.process.wait(timeout=60) == 0
    with pytest.raises(httpx.ConnectError):
        loaded.client.get("/health")
