"""What every request passes: the token, the limits of its body, the metrics, and an answer to
what nobody expected."""

import hashlib
import hmac
import logging
import os
import time
from traceback import extract_tb, format_tb
from typing import Any, Optional

from allennlp.common.checks import ConfigurationError
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bert_classification.serving.body import LimitedBody, check_head, large_bodies
from bert_classification.serving.metrics import Metrics
from bert_classification.serving.responses import StrictJSONResponse
from bert_classification.serving.settings import Settings

logger = logging.getLogger(__name__)

FRAMES = 8
"""How many of the innermost calls tell a fault from another one."""


class GuardMiddleware:
    """
    An ASGI middleware. With a `token`, everything that runs the model and `/metrics` need it as
    `authorization: Bearer ...`; the pages, which hold no secret, do not.
    """

    def __init__(
        self, app: ASGIApp, settings: Settings, metrics: Metrics, token: Optional[str] = None
    ) -> None:
        self._app = app
        self._settings = settings
        self._metrics = metrics
        self._large = large_bodies(settings.max_body_bytes)
        self._token = None if token is None else encode_token(token)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        started, status = time.perf_counter(), 0

        async def record_status(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        try:
            await self._pass(scope, receive, record_status)
        except Exception as error:
            sentence = fault(error)
            # Nothing can be said any more of an answer that broke off.
            if not status:
                await StrictJSONResponse({"error": sentence}, 500)(scope, receive, record_status)
        finally:
            # Paths that nobody serves are as many as a client likes.
            route = getattr(scope.get("route"), "path", "none")
            self._metrics.requests.labels(route, status).inc()
            self._metrics.latency.labels(route).observe(time.perf_counter() - started)

    async def _pass(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            self._check_token(scope)
            if scope["method"] == "POST":
                check_head(Headers(scope=scope), self._settings.max_body_bytes)
        except HTTPException as error:
            return await error_response(None, error)(scope, receive, send)
        body = LimitedBody(receive, self._settings, self._large)
        try:
            await self._app(scope, body.receive, send)
        finally:
            body.release()

    def _check_token(self, scope: Scope) -> None:
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        if self._token is None or (scope["method"] == "GET" and path != "/metrics"):
            return
        given = Headers(scope=scope).get("authorization", "")
        # The name of the scheme is in lower or upper case (RFC 9110).
        scheme, _, token = given.partition(" ")
        is_same = hmac.compare_digest(token.strip(" ").encode("latin-1"), self._token)
        if scheme.lower() != "bearer" or not is_same:
            raise HTTPException(
                401,
                "expected the header `authorization: Bearer ...` with this server's token.",
                {"www-authenticate": "Bearer"},
            )


def encode_token(token: str) -> bytes:
    """
    Gives the bytes of a token as a header brings them.

    # Raises

    `ConfigurationError` when no header can: it is empty, begins or ends with a space, or has a
    control character.
    """
    # Arguments and environment that are no text of this locale keep their bytes.
    data = os.fsencode(token)
    if not data.strip() or data != data.strip() or any(b < 0x20 or b == 0x7F for b in data):
        raise ConfigurationError(
            "`--token` is empty, begins or ends with a space, or has a line break or another "
            "control character, which no header brings; take another one."
        )
    return data


def error_response(_: Any, error: Any) -> StrictJSONResponse:
    """Answers a request that raised `HTTPException`."""
    return StrictJSONResponse({"error": error.detail}, error.status_code, error.headers)


def fault(error: Exception) -> str:
    """
    Makes a sentence for the client, whose id stands in the log. The log gets the location and the
    type of the exception without its message, which may quote the input. The same fault has the
    same id, which a log has often enough that leaves out what repeats.
    """
    name = type(error).__name__
    frames = extract_tb(error.__traceback__, -FRAMES)
    location = repr([name, *((frame.filename, frame.lineno) for frame in frames)])
    id = hashlib.sha256(location.encode()).hexdigest()[:32]
    trace = "".join(format_tb(error.__traceback__))
    logger.error("error %s: %s\n%s", id, name, trace, extra={"fault": id})
    return f"the server failed; its log tells more under {id}."
