"""A request's body: read up to a limit, and parsed more strictly than Python does by itself."""

import asyncio
import json
from collections import Counter
from typing import Any, Iterable

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import Message, Receive

MAX_DEPTH = 64
"""How deep lists and objects may be nested; JSON's own code gives up somewhere above."""


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


def limit_body(receive: Receive, limit: int, seconds: float) -> Receive:
    """
    Makes an ASGI `receive` that reads no more than `limit` bytes of a body, and for no longer than so
    many seconds; then it raises `HTTPException` 413 or 408.
    """
    size, complete = 0, False
    deadline = asyncio.get_running_loop().time() + seconds

    async def receive_part() -> Message:
        nonlocal size, complete
        try:
            async with asyncio.timeout_at(None if complete else deadline):
                message = await receive()
        except TimeoutError:
            raise HTTPException(
                408, f"the body was not there after {seconds:g} seconds.", {"connection": "close"}
            ) from None
        if not complete and message["type"] == "http.disconnect":
            raise client_gone()
        size += len(message.get("body", b""))
        if size > limit:
            raise _too_large(limit)
        complete = not message.get("more_body", False)
        return message

    return receive_part


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
    The JSON value in a body.

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
    _check_depth(value)
    return value


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        ((key, _),) = Counter(key for key, _ in pairs).most_common(1)
        raise ValueError(f"an object has the key {json.dumps(key[:100])} more than once")
    return values


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON value")


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [inner for outer in level for inner in _inside(outer)]
    if any(isinstance(inner, (dict, list)) for inner in level):
        raise _too_deep()


def _inside(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _too_deep() -> HTTPException:
    return HTTPException(400, f"the body is nested more than {MAX_DEPTH} levels deep.")
