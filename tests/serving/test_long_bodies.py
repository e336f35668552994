"""Large requests and long texts: what they may take, and what is left of them."""

import asyncio
import gc
import json
import tracemalloc
from contextlib import closing
from typing import Any

import pytest
from fastapi.testclient import TestClient
from starlette.exceptions import HTTPException

from bert_classification.serving.app import make_app
from bert_classification.serving.body import LARGE_BODIES, SMALL_BODY, LimitedBody, large_bodies
from bert_classification.serving.predictions import PIECE_SIZE, text_size
from bert_classification.serving.saliency import MAX_PIECES
from bert_classification.serving.settings import Settings
from tests.serving.loopback import HEAD, ask, connect, error_in, read_all, serving

LARGE = json.dumps({"text": "so good ", "note": "x" * 2 * SMALL_BODY}).encode()


def post(body: bytes, headers: bytes = b"") -> bytes:
    return HEAD + headers + b"content-length: %d\r\n\r\n" % len(body) + body


def test_a_large_body_waits_for_another_one_and_a_small_one_does_not(predictor) -> None:
    with serving(predictor, max_body_bytes=LARGE_BODIES) as server:
        with closing(connect(server, post(LARGE)[:-1])) as holding:
            wait_for_reading(server)
            with closing(connect(server, post(LARGE))) as waiting:
                assert [ask(server) for _ in range(3)] == [200] * 3
                waiting.settimeout(0.1)
                with pytest.raises(TimeoutError):
                    waiting.recv(1)
                holding.sendall(LARGE[-1:])
                for connection in (holding, waiting):
                    connection.settimeout(10)
                    assert connection.recv(1 << 16).startswith(b"HTTP/1.1 200")


def test_a_large_body_that_never_ends_gives_way(predictor) -> None:
    with serving(predictor, max_body_bytes=LARGE_BODIES, timeout=1) as server:
        with closing(connect(server, post(LARGE)[:-1])) as holding:
            wait_for_reading(server)
            with closing(connect(server, post(LARGE))) as waiting:
                assert waiting.recv(1 << 16).startswith(b"HTTP/1.1 200")
            assert "was not there after 1 seconds" in error_in(read_all(holding))


def test_a_large_body_that_waits_too_long_may_come_again() -> None:
    async def receive() -> dict:
        return {"type": "http.request", "body": LARGE, "more_body": True}

    async def read() -> None:
        large = large_bodies(LARGE_BODIES)
        async with large:
            body = LimitedBody(receive, Settings(timeout=0.01), large)
            await body.receive()
            with pytest.raises(HTTPException) as raised:
                await body.receive()
            body.release()
        assert not large.locked()
        assert raised.value.status_code == 503 and raised.value.headers["retry-after"] == "1"

    asyncio.run(read())


def wait_for_reading(server: Any) -> None:
    """A request that is answered after the large body came has let the server read it."""
    for _ in range(5):
        assert ask(server) == 200


@pytest.mark.parametrize(
    "body, status",
    [
        ({"text": "a" * 600_000}, 422),
        ({"text": ["a" * 600_000]}, 422),
        ({"text": 1, "note": "a" * 600_000}, 422),
        ({"text": "a", "note": "a" * 600_000}, 200),
        ([{"text": "a" * 600_000}], 400),
    ],
)
def test_a_request_leaves_nothing_behind(predictor, body, status) -> None:
    request = post(json.dumps(body).encode(), b"connection: close\r\n")
    with serving(predictor) as server:
        assert f" {status} ".encode() in answer_to(server, request)[:20]
        gc.collect()
        gc.disable()
        tracemalloc.start()
        try:
            for _ in range(10):
                answer_to(server, request)
            left, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
            gc.enable()
    assert left < 2 * len(request)


def answer_to(server: Any, request: bytes) -> bytes:
    with closing(connect(server, request)) as connection:
        return read_all(connection)


def test_a_text_too_long_to_be_tokenized_is_refused(predictor) -> None:
    limit = 10 * PIECE_SIZE
    app = make_app(predictor, settings=Settings(max_record_tokens=10))
    long, short = {"text": "a" * (limit + 1)}, {"text": "a" * limit}
    with TestClient(app) as client:
        refused = client.post("/predict", json=long)
        one, two = client.post("/predict_batch", json=[long, short]).json()
        assert client.post("/predict", json={**short, "note": "a" * 999}).status_code == 200
    assert refused.status_code == 422 and f"{limit + 1} characters" in refused.json()["error"]
    assert one == refused.json() and "label" in two


def test_word_importance_has_its_own_limit(predictor) -> None:
    with TestClient(make_app(predictor)) as client:
        record = {"text": "a" * (MAX_PIECES * PIECE_SIZE + 1)}
        answer = client.post("/saliency", json=record)
        assert answer.status_code == 422 and f"{MAX_PIECES} word pieces" in answer.json()["error"]
        assert client.post("/predict", json=record).status_code == 200


@pytest.mark.parametrize(
    "value, size",
    [
        ("a" * 40, 40),
        (["a", "b" * 40], PIECE_SIZE + 40),
        ([["a"], []], 2 * PIECE_SIZE),
        (None, 0),
        (7, 0),
        ([7, None], 2 * PIECE_SIZE),
    ],
)
def test_text_size(value, size) -> None:
    assert text_size(value) == size
