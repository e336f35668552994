"""A request's body: read up to a limit, and parsed more strictly than Python does by itself."""

import asyncio
import json
from collections import Counter
from typing import Any

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import Message, Receive

from bert_classification.archives.nesting import MAX_DEPTH, is_too_deep
from bert_classification.serving.settings import Settings

SMALL_BODY = 1 << 16
"""Bytes of a body that are read at once, whatever else there is."""

LARGE_BODIES = 1 << 22
"""Bytes of all the larger bodies that are held at once."""


def check_head(headers: Headers, limit: int) -> None:
    """
    Raises `HTTPException` for a body that is announced as too large (413), or as no JSON (415).
    """
    if int(headers.get("content-length", 0)) > limit:
        raise _too_large(limit)
    given = headers.get("content-type", "")
    name = given.partition(";")[0].strip().lower()
    if name in ("", "application/json") or name.endswith("+json"):
        return
    # `curl -d` says so unless told otherwise. A web page may send such a form to any server, but
    # then the browser says where the page is from.
    if name != "application/x-www-form-urlencoded" or "origin" in headers:
        raise HTTPException(415, f"content-type: expected application/json, got {given!r}.")


class LimitedBody:
    """
    A request's body, of which no more than `max_body_bytes` are read, and for no longer than
    `timeout` seconds. What is above `SMALL_BODY` of a body waits in the client until one of the
    `large` is free, which it then is until `release`: so 128 large requests take no more memory
    than a few.

    `receive` is an ASGI `receive`. It raises `HTTPException`: 408, 413, or 503 when there were too
    many large ones for all its time.
    """

    def __init__(self, receive: Receive, settings: Settings, large: asyncio.Semaphore) -> None:
        self._receive = receive
        self._settings = settings
        self._large = large
        self._deadline = asyncio.get_running_loop().time() + settings.timeout
        self._size = 0
        self._is_large = self._complete = False

    async def receive(self) -> Message:
        try:
            async with asyncio.timeout_at(None if self._complete else self._deadline):
                await self._wait_if_large()
                message = await self._receive()
        except TimeoutError:
            raise self._too_late() from None
        if not self._complete and message["type"] == "http.disconnect":
            raise client_gone()
        self._size += len(message.get("body", b""))
        if self._size > self._settings.max_body_bytes:
            raise _too_large(self._settings.max_body_bytes)
        self._complete = not message.get("more_body", False)
        return message

    async def _wait_if_large(self) -> None:
        if self._size > SMALL_BODY and not (self._is_large or self._complete):
            await self._large.acquire()
            self._is_large = True

    def _too_late(self) -> HTTPException:
        if self._size > SMALL_BODY and not self._is_large:
            sentence = f"too many bodies above {SMALL_BODY} bytes at once; try again."
            return HTTPException(503, sentence, {"connection": "close", "retry-after": "1"})
        seconds = self._settings.timeout
        sentence = f"the body was not there after {seconds:g} seconds."
        return HTTPException(408, sentence, {"connection": "close"})

    def release(self) -> None:
        if self._is_large:
            self._large.release()


def large_bodies(max_body_bytes: int) -> asyncio.Semaphore:
    """Counts the large bodies that are held at once."""
    return asyncio.Semaphore(max(1, LARGE_BODIES // max_body_bytes))


def client_gone() -> HTTPException:
    # The status is nginx's for it, which only `/metrics` shows.
    return HTTPException(499, "the client hung up.")


def _too_large(limit: int) -> HTTPException:
    return HTTPException(
        413,
        f"the body has more than the {limit} bytes of `--max-body-bytes`.",
        {"connection": "close"},
    )


def parse_body(body: bytes) -> Any:
    """
    Reads the JSON value in a body.

    # Raises

    `HTTPException` (400) for what is not UTF-8 or not JSON, for NaN and Infinity, a key that an
    object has twice, a number of thousands of digits, and nesting beyond `MAX_DEPTH`.
    """
    if not body.strip():
        raise HTTPException(400, "the body is empty; expected JSON.")
    try:
        value = json.loads(
            body.decode("utf-8-sig"),
            object_pairs_hook=_without_duplicates,
            parse_constant=_refuse_constant,
        )
    except RecursionError:
        raise _too_deep() from None
    except ValueError as error:
        reason = str(error).partition(";")[0]
        raise HTTPException(400, f"the body is not valid JSON: {reason}") from None
    if is_too_deep(value):
        raise _too_deep()
    return value


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        ((key, _),) = Counter(key for key, _ in pairs).most_common(1)
        raise ValueError(f"an object has the key {json.dumps(key[:100])} more than once")
    return values


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON value")


def _too_deep() -> HTTPException:
    return HTTPException(400, f"the body is nested more than {MAX_DEPTH} levels deep.")
