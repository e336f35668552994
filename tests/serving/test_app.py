"""`allennlp serve` as a process of its own, asked over loopback."""

import asyncio
import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, Callable, Iterator

import httpx
import pytest
from allennlp.common.checks import ConfigurationError
from allennlp.predictors import Predictor
from starlette.exceptions import HTTPException

from bert_classification.serving.batching import CallingThread, ModelThread
from bert_classification.serving.description import describe, render
from bert_classification.serving.metrics import Metrics
from bert_classification.serving.responses import StrictJSONResponse
from bert_classification.serving.settings import Settings
from tests.support import FIXTURES, read_json_lines

TOKEN = "a long secret"
# A second or two of the tiny BERT's time.
SLOW = {"text": "The river", "num_beams": 100, "max_new_tokens": 100}
QUICK = {"text": "The river", "max_new_tokens": 1}


class Server:
    """A server process, and a client for it."""

    def __init__(self, archive: Path, directory: Path, *options: str, **environment: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        command = [sys.executable, "-m", "allennlp", "serve", "--archive-path", str(archive)]
        command += ["--port", str(self.port), "--include-package", "bert_classification", *options]
        # Away from the repository: the subcommand must be there without .allennlp_plugins.
        environment = {**os.environ, "PYTHONPATH": os.getcwd(), **environment}
        self.log = directory / "log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(command, cwd=directory, env=environment, stderr=log)
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=60)

    def wait_until(self, is_so: Callable[[], bool]) -> None:
        end = time.monotonic() + 90
        while time.monotonic() < end:
            assert self.process.poll() is None, self.log.read_text()
            try:
                if is_so():
                    return
            except httpx.ConnectError:
                pass
            time.sleep(0.02)
        raise AssertionError("it does not come to pass")

    def is_ready(self) -> bool:
        return self.client.get("/ready").json() == {"status": "ready"}

    def figure(self, name: str) -> float:
        """A figure of `/metrics`, 0 while it is not there."""
        headers = {"authorization": f"Bearer {TOKEN}"}
        text = self.client.get("/metrics", headers=headers).text
        found = re.search(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)
        return float(found[1]) if found else 0.0

    def stop(self) -> int:
        self.client.close()
        if self.process.poll() is None:
            self.process.terminate()
        return self.process.wait(timeout=60)


@pytest.fixture(scope="module")
def servers(archive_of, tmp_path_factory) -> Iterator[dict[str, Server]]:
    """One that classifies, and one that continues texts, for at most two requests at a time."""
    directories = [tmp_path_factory.mktemp("elsewhere") for _ in range(2)]
    limits = ("--max-body-bytes", "20000", "--max-batch-records", "50")
    overrides = json.dumps({"dataset_reader.long_text": "error"})
    looks = ("--cors-origin", "http://friend", "--title", "<b>", "--log-inputs")
    started = {
        "classification": Server(
            archive_of("classification"), directories[0], *limits, *looks, "--overrides", overrides
        ),
        "causal_lm": Server(
            archive_of("causal_lm"),
            directories[1],
            *("--max-queue", "2", "--root-path", "/here"),
            BERT_CLASSIFICATION_TOKEN=TOKEN,
        ),
    }
    try:
        for server in started.values():
            server.wait_until(server.is_ready)
        yield started
    finally:
        codes = [server.stop() for server in started.values()]
    assert codes == [0, 0]


@pytest.fixture
def client(servers) -> httpx.Client:
    return servers["classification"].client


@pytest.fixture
def loaded(servers) -> Server:
    """The server with a queue of two."""
    server = servers["causal_lm"]
    server.client.headers["authorization"] = f"Bearer {TOKEN}"
    return server


def sentences(count: int) -> list[str]:
    return [each["text"] for each in read_json_lines(FIXTURES / "classification/dev.jsonl")][:count]


def test_predicts_one_record_and_a_batch(client) -> None:
    one = client.post("/predict", json={"text": "Lovely food", "id": 3}).json()
    assert one["label"] in ("positive", "negative", "neutral") and one["id"] == 3
    records = [{"text": "Lovely food"}, {"text": 1}, 5]
    batch = client.post("/predict_batch", json=records).json()
    assert batch[0]["logits"] == pytest.approx(one["logits"], abs=1e-5)
    assert (
        "expected a string" in batch[1]["error"] and "expected a JSON object" in batch[2]["error"]
    )
    assert client.post("/predict_batch", json=[]).json() == []


def test_an_answer_does_not_depend_on_its_company(servers, client) -> None:
    bodies = [{"text": text, "text_pair": "And why?"} for text in sentences(24)]
    alone = [client.post("/predict", json=body).json() for body in bodies]
    batches = servers["classification"].figure("batch_records_count")
    with ThreadPoolExecutor(24) as threads:
        post = partial(httpx.post, str(client.base_url.join("/predict")), timeout=60)
        answers = [threads.submit(post, json=body) for body in bodies]
    for mine, answer in zip(alone, answers):
        assert answer.result().json()["logits"] == pytest.approx(mine["logits"], abs=1e-5)
    assert servers["classification"].figure("batch_records_count") < batches + 24


def nest(depth: int) -> str:
    return '{"text": "a", "note": ' + "[" * depth + "]" * depth + "}"


@pytest.mark.parametrize(
    "path, body, status, message",
    [
        ("/predict", "{", 400, "not valid JSON"),
        ("/predict", "", 400, "empty"),
        ("/predict", b"\xff", 400, "utf-8"),
        ("/predict", "[]", 400, "expected one record"),
        ("/predict", '{"text": "a", "text": "b"}', 400, '"text" more than once'),
        ("/predict", '{"text": NaN}', 400, "NaN is no JSON value"),
        ("/predict", f'{{"text": {"1" * 5000}}}', 400, "digits"),
        ("/predict", nest(64), 400, "64 levels"),
        ("/predict", "[" * 9999, 400, "64 levels"),
        ("/predict", '{"note": 1}', 422, "no key `text`"),
        ("/predict", '{"text": 7}', 422, "`text`: expected a string, got a number (7)"),
        ("/predict", '{"text": "a\\ud800"}', 422, "half a surrogate pair"),
        ("/predict", json.dumps({"text": "long " * 200}), 422, "word pieces, more than"),
        ("/predict", json.dumps({"text": "a" * 20000}), 413, "--max-body-bytes"),
        ("/predict_batch", "{}", 400, "expected a list"),
        ("/predict_batch", json.dumps([{}] * 51), 413, "--max-batch-records"),
        ("/nowhere", "{}", 404, "Not Found"),
        ("/health", "{}", 405, "Method Not Allowed"),
    ],
)
def test_every_error_is_json(client, path, body, status, message) -> None:
    answer = client.post(path, content=body, headers={"content-type": "application/json"})
    assert answer.status_code == status
    assert message in answer.json()["error"]


def test_what_is_odd_but_valid_is_answered(client) -> None:
    for body in (
        nest(63),
        '{"text": "a", "id": "\\ud800"}',
        '{"text": "a", "id": %s}' % (9**999),
    ):
        assert client.post("/predict", content=body).status_code == 200
    assert client.post("/predict", content='{"text": "a", "id": 1e999}').json()["id"] is None


@pytest.mark.parametrize(
    "headers, status",
    [
        ({}, 200),
        ({"content-type": "application/x-www-form-urlencoded"}, 200),
        ({"content-type": "application/x-www-form-urlencoded", "origin": "http://foe"}, 415),
        ({"content-type": "application/vnd.api+json; charset=utf-8"}, 200),
        ({"content-type": "text/plain"}, 415),
    ],
)
def test_content_type(client, headers, status) -> None:
    answer = client.post("/predict", content='{"text": "Lovely food"}', headers=headers)
    assert answer.status_code == status


def test_a_body_without_a_length_is_read_up_to_the_limit(client) -> None:
    sent = []

    def parts() -> Iterator[bytes]:
        for number in range(10**6):
            sent.append(number)
            yield b" " * 1000

    try:
        assert client.post("/predict", content=parts()).status_code == 413
    except (httpx.WriteError, httpx.ReadError):
        pass  # The server closes the connection, and the client was still writing.
    assert len(sent) < 10**6
    assert client.post("/predict", json={"text": "Lovely food"}).status_code == 200


def test_cors_is_for_those_who_were_named(client) -> None:
    for origin, allowed in (("http://friend", "http://friend"), ("http://foe", None)):
        answer = client.post("/predict", json={"text": "a"}, headers={"origin": origin})
        assert answer.headers.get("access-control-allow-origin") == allowed


def test_inputs_are_logged_when_asked_for(servers, client) -> None:
    client.post("/predict", json={"text": "a word for the log"})
    assert "a word for the log" in servers["classification"].log.read_text()


def test_docs_load_nothing_and_escape(client) -> None:
    page = client.get("/docs")
    assert "<h1>&lt;b&gt;</h1>" in page.text and "<script" not in page.text
    assert "src=" not in page.text and page.headers["content-security-policy"]
    assert client.get("/openapi.json").json()["info"]["title"] == "<b>"


def mutate(body: str, draw: random.Random) -> bytes:
    """A body with some bytes removed, repeated, or put in."""
    data = bytearray(body.encode())
    for _ in range(draw.randint(1, 4)):
        start = draw.randrange(len(data) + 1)
        end = min(len(data), start + draw.randint(0, 8))
        extra = draw.choice(
            [b"", data[start:end] * 2, draw.randbytes(2), b'"', b"[", b"{", b"\\ud800"]
        )
        data[start:end] = extra
    return bytes(data)


def test_no_mutated_body_is_too_much(client) -> None:
    draw = random.Random(0)
    record = '{"text": "Lovely food", "text_pair": null, "id": [1, 2.5e3, {"a": true}]}'
    for number in range(600):
        path, body = [("/predict", record), ("/predict_batch", f"[{record}, {record}]")][number % 2]
        answer = client.post(path, content=mutate(body, draw))
        assert answer.status_code in (200, 400, 422)
        json.loads(answer.content, parse_constant=pytest.fail)


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


@pytest.fixture(scope="module")
def predictor(archive_of) -> Predictor:
    return Predictor.from_path(str(archive_of("classification")))


def in_model_thread(predictor: Predictor, steps: Callable, **settings: Any) -> Metrics:
    """
    Takes steps with a model thread that is kept busy until `release()`; what it then has run.
    """
    metrics = Metrics()

    async def main() -> None:
        model = ModelThread(predictor, Settings(**settings), metrics)
        running = asyncio.create_task(model.run())
        busy = threading.Event()
        holding = asyncio.create_task(model.call(busy.wait))
        await asyncio.sleep(0)
        await steps(model, busy.set)
        busy.set()
        await holding
        running.cancel()

    asyncio.run(main())
    return metrics


def batches(metrics: Metrics) -> tuple[float, float]:
    """How many batches were run, and how many records in all of them."""
    value = metrics.registry.get_sample_value
    return value("batch_records_count"), value("batch_records_sum")


def instances(predictor: Any, count: int) -> list:
    return predictor.instances_or_errors([{"text": text} for text in sentences(count)])


def test_a_calling_thread_does_what_it_is_asked_until_it_is_told_to_stop() -> None:
    thread = CallingThread()
    where, failed, given_up, last = (
        thread.submit(*call)
        for call in ((threading.current_thread,), (int, "x"), (int, "1"), (int, "2"))
    )
    assert given_up.cancel()
    thread.shutdown()
    thread.run()
    assert where.result() is threading.current_thread()
    assert isinstance(failed.exception(), ValueError)
    assert given_up.cancelled() and last.result() == 2


def test_a_port_that_is_taken_ends_it(archive_of, tmp_path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        server = Server(archive_of("classification"), tmp_path, "--port", port)
        assert server.process.wait(timeout=90) > 0
    assert "address already in use" in server.log.read_text()


def test_what_waits_runs_together_within_the_budget(predictor) -> None:
    async def steps(model: ModelThread, release: Callable) -> None:
        waiting = [asyncio.create_task(model.predict([each])) for each in texts]
        await asyncio.sleep(0)
        release()
        for (output,) in await asyncio.gather(*waiting):
            assert "logits" in output

    texts = instances(predictor, 10)
    assert batches(in_model_thread(predictor, steps)) == (1, 10)
    assert batches(in_model_thread(predictor, steps, max_batch_tokens=1)) == (10, 10)


def test_a_request_alone_does_not_wait(predictor) -> None:
    async def steps(model: ModelThread, release: Callable) -> None:
        release()
        for each in instances(predictor, 3):
            await model.predict([each])

    assert batches(in_model_thread(predictor, steps, max_wait_ms=1e9)) == (3, 3)


def test_what_timed_out_before_it_began_is_not_run(predictor) -> None:
    async def steps(model: ModelThread, release: Callable) -> None:
        with pytest.raises(HTTPException) as raised:
            async with model.slot():
                await model.predict(instances(predictor, 1))
        assert raised.value.status_code == 504

    assert batches(in_model_thread(predictor, steps, timeout=0.01)) == (0, 0)


def test_a_record_that_the_model_fails_at_fails_alone(predictor) -> None:
    async def steps(model: ModelThread, release: Callable) -> None:
        good, bad = instances(predictor, 2)
        bad["tokens"].ids[:] = 10**6
        release()
        results = await model.predict([good, bad])
        assert "logits" in results[0] and isinstance(results[1], ConfigurationError)

    in_model_thread(predictor, steps)


def test_a_number_that_is_not_finite_becomes_null() -> None:
    answer = StrictJSONResponse({"probs": [float("nan"), 1.5, float("inf")], "note": "\ud800é"})
    assert json.loads(answer.body) == {"probs": [None, 1.5, None], "note": "\ud800é"}


def test_the_description_has_schemas_and_the_example(predictor) -> None:
    predictor.example = {"text": "Lovely <food>", "text_pair": "And the soup?"}
    one, several = describe(predictor, predictor.predict_json(predictor.example))
    request = one["requestBody"]["content"]["application/json"]
    assert request["example"] == predictor.example and request["schema"]["required"] == ["text"]
    answer = one["responses"]["200"]["content"]["application/json"]["schema"]
    assert answer["properties"]["label"] == {"type": "string"}
    assert several["requestBody"]["content"]["application/json"]["schema"]["type"] == "array"
    page = render({"info": {"title": "T"}, "paths": {"/predict": {"post": one}}}, "http://x/")
    assert "Lovely &lt;food&gt;" in page


@pytest.mark.parametrize("option", ["max_queue", "timeout"])
def test_settings_name_the_option(option) -> None:
    with pytest.raises(ConfigurationError, match=f"--{option.replace('_', '-')}"):
        Settings(**{option: 0})
