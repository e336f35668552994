"""Clients that connect and do not ask, over loopback, with short times and few connections."""

import asyncio
import io
import json
import logging
import resource
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, closing
from multiprocessing import get_context
from typing import Any, Iterator

import pytest
import uvicorn
from allennlp.common.checks import ConfigurationError

from bert_classification.serving.server import SPARE_FILES, fit_connections
from tests.serving.loopback import (
    BODY,
    HEAD,
    LIMIT,
    ask,
    connect,
    error_in,
    read_all,
    serving,
    wait_until,
)


@pytest.fixture(scope="module")
def server(predictor) -> Iterator[uvicorn.Server]:
    with serving(predictor) as started:
        yield started


@pytest.mark.parametrize(
    "first", [b"", HEAD, HEAD + b"content-length: 100\r\n\r\n{"], ids=["idle", "heads", "bodies"]
)
def test_those_who_wait_make_room_for_those_who_ask(server, first) -> None:
    with ExitStack() as stack:
        for _ in range(4 * LIMIT):
            stack.enter_context(connect(server, first))
        assert [ask(server) for _ in range(3)] == [200] * 3
        assert len(server.server_state.connections) <= LIMIT


def test_an_idle_connection_is_closed(server) -> None:
    with closing(connect(server)) as connection:
        assert read_all(connection) == b""


def test_a_slow_head_is_refused_however_often_a_byte_comes(server) -> None:
    with closing(connect(server, HEAD)) as connection:
        begin = time.monotonic()
        connection.settimeout(0.05)
        answer = b""
        while not answer and time.monotonic() < begin + 5:
            try:
                connection.sendall(b"x")
                answer = connection.recv(1 << 16)
            except TimeoutError:
                pass
        # The body may come after the head.
        connection.settimeout(5)
        answer += read_all(connection)
    assert answer.startswith(b"HTTP/1.1 408") and "--head-timeout" in error_in(answer)


def test_the_head_after_an_answer_has_its_time_too(server) -> None:
    request = HEAD + b"content-length: %d\r\n\r\n" % len(BODY) + BODY
    with closing(connect(server, request + HEAD)) as connection:
        answers = read_all(connection)
    assert answers.startswith(b"HTTP/1.1 200") and b"HTTP/1.1 408" in answers


def test_a_body_that_nobody_waits_for_does_not_hold_the_connection(server) -> None:
    head = b"POST /nowhere HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100000\r\n\r\n"
    with closing(connect(server, head)) as connection:
        assert read_all(connection).startswith(b"HTTP/1.1 404")


@pytest.mark.parametrize(
    "request_",
    [
        b"no HTTP at all\r\n\r\n",
        HEAD + b"no colon\r\n\r\n",
        HEAD + b"transfer-encoding: chunked\r\n\r\nno length\r\n",
        HEAD + b"x: %s\r\n\r\n" % (b"y" * (1 << 17)),
    ],
)
def test_what_is_no_http_is_answered_as_json(server, request_) -> None:
    with closing(connect(server, request_)) as connection:
        answer = read_all(connection)
    # What was not read before the server hung up may take its answer with it.
    assert not answer or "Invalid HTTP" in error_in(answer)
    assert ask(server) == 200


def test_garbage_after_an_early_answer_is_no_fault(server, caplog) -> None:
    head = b"POST /nowhere HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n"
    with closing(connect(server, head)) as connection:
        assert connection.recv(1 << 16).startswith(b"HTTP/1.1 404")
        connection.sendall(b"no length\r\n")
        read_all(connection)
    assert ask(server) == 200
    assert "Fatal error" not in caplog.text


def test_who_does_not_read_the_answer_is_cut_off(predictor) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"x" * (1 << 26)})

    with serving(predictor, app, timeout=0.5) as server:
        with closing(connect(server, HEAD + b"\r\n")):
            wait_until(lambda: len(server.server_state.connections) == 1)
            wait_until(lambda: not server.server_state.connections)


def test_where_an_answer_is_owed_to_everybody_the_next_one_is_refused(predictor) -> None:
    answer_now = asyncio.Event()
    loops = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            loops.append(asyncio.get_running_loop())
            await answer_now.wait()
            await send({"type": "http.response.start", "status": 204, "headers": []})
            await send({"type": "http.response.body", "body": b""})

    with serving(predictor, app) as server, ExitStack() as stack:
        request = HEAD + b"content-length: 0\r\n\r\n"
        accepted = [stack.enter_context(connect(server, request)) for _ in range(LIMIT)]
        wait_until(lambda: len(loops) == LIMIT)
        with closing(connect(server)) as refused:
            assert "--max-connections" in error_in(read_all(refused))
        loops[0].call_soon_threadsafe(answer_now.set)
        assert all(each.recv(1 << 16).startswith(b"HTTP/1.1 204") for each in accepted)


def test_a_stop_waits_for_what_is_accepted_and_not_for_half_a_body(predictor) -> None:
    with serving(predictor, timeout=60, max_queue=64, max_connections=64) as server:
        half = connect(server, HEAD + b"content-length: 100\r\n\r\n{")
        records = [{"text": "so good " * 200}] * 200
        body = json.dumps(records).encode()
        head = HEAD.replace(b"predict", b"predict_batch")
        whole = connect(server, head + b"content-length: %d\r\n\r\n" % len(body) + body)
        wait_until(lambda: len(server.server_state.tasks) == 2)
        wait_until(lambda: is_read(server))
        begin = time.monotonic()
        server.should_exit = True
        with closing(half), closing(whole):
            assert read_all(whole).startswith(b"HTTP/1.1 200")
            assert "the server stops" in error_in(read_all(half))
    assert time.monotonic() - begin < 15


def is_read(server: Any) -> bool:
    """Whether the body of one of the requests is there."""
    return any(not each.cycle.more_body for each in server.server_state.connections)


def test_the_one_that_waits_longest_is_cut(server) -> None:
    wait_until(lambda: not server.server_state.connections)
    with ExitStack() as stack:
        first, *others = [stack.enter_context(connect(server)) for _ in range(LIMIT)]
        wait_until(lambda: len(server.server_state.connections) == LIMIT)
        assert ask(server) == 200
        first.settimeout(0.05)
        assert read_all(first) == b""
        for other in others:
            other.settimeout(0)
            with pytest.raises(BlockingIOError):
                other.recv(1)


def test_the_limit_of_files_is_raised() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = min(hard, soft) // 2
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    try:
        assert fit_connections(wanted) == wanted
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] > wanted + SPARE_FILES
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_low_limit_of_files_is_told() -> None:
    """In processes of their own, since nobody can raise the limit again."""
    with ProcessPoolExecutor(1, get_context("fork")) as process:
        connections, warning = process.submit(fit_to, 256).result(timeout=60)
        assert 50 < connections < 256 and "512 of `--max-connections`" in warning
        with pytest.raises(ConfigurationError, match="ulimit -n"):
            process.submit(fit_to, 64).result(timeout=60)


def fit_to(files: int) -> tuple[int, str]:
    log = io.StringIO()
    logging.getLogger("bert_classification").addHandler(logging.StreamHandler(log))
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
    return fit_connections(512), log.getvalue()
