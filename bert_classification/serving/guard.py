"""What every request passes: the token, the limits of its body, the metrics, and an answer to
what nobody expected."""

import hmac
import logging
import time
import uuid
from traceback import format_tb
from typing import Any, Optional

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bert_classification.serving.body import check_head, limit_body
from bert_classification.serving.metrics import Metrics
from bert_classification.serving.responses import StrictJSONResponse
from bert_classification.serving.settings import Settings

logger = logging.getLogger(__name__)


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
        self._expected = None if token is None else f"Bearer {token}".encode()

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
        limit, seconds = self._settings.max_body_bytes, self._settings.timeout
        try:
            self._check_token(scope)
            if scope["method"] == "POST":
                check_head(Headers(scope=scope), limit)
        except HTTPException as error:
            await error_response(None, error)(scope, receive, send)
        else:
            await self._app(scope, limit_body(receive, limit, seconds), send)

    def _check_token(self, scope: Scope) -> None:
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        if self._expected is None or (scope["method"] == "GET" and path != "/metrics"):
            return
        given = Headers(scope=scope).get("authorization", "")
        if not hmac.compare_digest(given.encode("latin-1"), self._expected):
            raise HTTPException(
                401,
                "expected the header `authorization: Bearer ...` with this server's token.",
                {"www-authenticate": "Bearer"},
            )


def error_response(_: Any, error: Any) -> StrictJSONResponse:
    """Answers a request that raised `HTTPException`."""
    return StrictJSONResponse({"error": error.detail}, error.status_code, error.headers)


def fault(error: Exception) -> str:
    """
    Makes a sentence for the client, whose id stands in the log. The log gets the location and the type of
    the exception without its message, which may quote the input.
    """
    number = uuid.uuid4().hex
    trace = "".join(format_tb(error.__traceback__))
    logger.error("error %s: %s\n%s", number, type(error).__name__, trace)
    return f"the server failed; its log tells more under {number}."
