"""A server with our connections in a thread of the test, and clients that know no HTTP."""

import json
import socket
import threading
import time
from contextlib import contextmanager
from typing import Any, Callable, Iterator

import httpx
import uvicorn
from allennlp.predictors import Predictor

from bert_classification.serving.app import make_app
from bert_classification.serving.server import make_server
from bert_classification.serving.settings import Settings

RECORD = {"text": "Lovely food"}
BODY = json.dumps(RECORD).encode()
HEAD = b"POST /predict HTTP/1.1\r\nhost: localhost\r\n"
LIMIT = 8


@contextmanager
def serving(predictor: Predictor, app: Any = None, **settings: Any) -> Iterator[uvicorn.Server]:
    """Serves with our connections in a thread; `server.port` is where."""
    limits = Settings(**{"max_connections": LIMIT, "head_timeout": 0.5, **settings})
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    app = app or make_app(predictor, settings=limits)
    server = make_server(app, limits, host="127.0.0.1", port=port)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        wait_until(lambda: server.started)
        server.port = port
        yield server
    finally:
        server.should_exit = True
        thread.join()


def wait_until(is_so: Callable[[], bool], seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end, "it does not come to pass"
        time.sleep(0.01)


def connect(server: Any, first: bytes = b"") -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=10)
    connection.sendall(first)
    return connection


def read_all(connection: socket.socket) -> bytes:
    """Reads until the server hangs up."""
    parts = []
    try:
        while part := connection.recv(1 << 16):
            parts.append(part)
    except ConnectionResetError:
        pass
    return b"".join(parts)


def ask(server: Any) -> int:
    return httpx.post(f"http://127.0.0.1:{server.port}/predict", json=RECORD).status_code


def error_in(answer: bytes) -> str:
    """The sentence of an answer, which has the headers of all answers."""
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"x-content-type-options: nosniff" in head.lower()
    assert b"content-security-policy" in head.lower() and b"connection: close" in head.lower()
    return json.loads(body)["error"]
