"""`allennlp serve` as a process of its own, asked over loopback."""

import json
import random
import socket
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Iterator

import httpx
import pytest

from tests.serving.support import Server, run_server, sentences


@pytest.fixture(scope="module")
def server(archive_of, tmp_path_factory) -> Iterator[Server]:
    """One that classifies."""
    options = ["--max-body-bytes", "20000", "--max-batch-records", "50"]
    options += ["--cors-origin", "http://friend", "--title", "<b>", "--log-inputs"]
    options += ["--overrides", json.dumps({"dataset_reader.long_text": "error"})]
    directory = tmp_path_factory.mktemp("elsewhere")
    with run_server(archive_of("classification"), directory, *options) as server:
        yield server


@pytest.fixture
def client(server) -> httpx.Client:
    return server.client


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


def test_an_answer_does_not_depend_on_its_company(server, client) -> None:
    bodies = [{"text": text, "text_pair": "And why?"} for text in sentences(24)]
    alone = [client.post("/predict", json=body).json() for body in bodies]
    batches = server.figure("batch_records_count")
    with ThreadPoolExecutor(24) as threads:
        post = partial(httpx.post, str(client.base_url.join("/predict")), timeout=60)
        answers = [threads.submit(post, json=body) for body in bodies]
    for mine, answer in zip(alone, answers):
        assert answer.result().json()["logits"] == pytest.approx(mine["logits"], abs=1e-5)
    assert server.figure("batch_records_count") < batches + 24


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
        for index in range(10**6):
            sent.append(index)
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


def test_inputs_are_logged_when_asked_for(server, client) -> None:
    client.post("/predict", json={"text": "a word for the log"})
    assert "a word for the log" in server.log.read_text()


def test_docs_load_nothing_and_escape(client) -> None:
    page = client.get("/docs")
    assert "<h1>&lt;b&gt;</h1>" in page.text and "<script" not in page.text
    assert "src=" not in page.text and page.headers["content-security-policy"]
    assert client.get("/openapi.json").json()["info"]["title"] == "<b>"


def mutate(body: str, draw: random.Random) -> bytes:
    """Makes a body with some bytes removed, repeated, or put in."""
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
    for index in range(600):
        path, body = [("/predict", record), ("/predict_batch", f"[{record}, {record}]")][index % 2]
        answer = client.post(path, content=mutate(body, draw))
        assert answer.status_code in (200, 400, 422)
        json.loads(answer.content, parse_constant=pytest.fail)


def test_a_port_that_is_taken_ends_it(archive_of, tmp_path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        server = Server(archive_of("classification"), tmp_path, "--port", port)
        assert server.process.wait(timeout=90) > 0
    assert "address already in use" in server.log.read_text()
