"""What every request passes: the token, the metrics, and an answer to what nobody expected."""

import hmac
import logging
import time
import uuid
from traceback import format_tb
from typing import Optional

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bert_classification.serving.answer import Answer
from bert_classification.serving.metrics import Metrics

logger = logging.getLogger(__name__)


class Gate:
    """
    An ASGI middleware. With a `token`, everything that runs the model and `/metrics` need it as
    `authorization: Bearer ...`; the pages, which hold no secret, do not.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics, token: Optional[str] = None) -> None:
        self._app = app
        self._metrics = metrics
        self._expected = None if token is None else f"Bearer {token}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        started, status = time.perf_counter(), 0

        async def noted(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        try:
            app = self._app if self._lets_in(scope) else _NOT_LET_IN
            await app(scope, receive, noted)
        except Exception as error:
            sentence = fault(error)
            if status:
                return
            await Answer({"error": sentence}, 500)(scope, receive, noted)
        finally:
            # Paths that nobody serves are as many as a client likes.
            route = getattr(scope.get("route"), "path", "none")
            self._metrics.requests.labels(route, status).inc()
            self._metrics.latency.labels(route).observe(time.perf_counter() - started)

    def _lets_in(self, scope: Scope) -> bool:
        if self._expected is None or (scope["method"] == "GET" and scope["path"] != "/metrics"):
            return True
        given = dict(scope["headers"]).get(b"authorization", b"")
        return hmac.compare_digest(given, self._expected)


_NOT_LET_IN = Answer(
    {"error": "expected the header `authorization: Bearer ...` with this server's token."},
    401,
    {"www-authenticate": "Bearer"},
)


def fault(error: Exception) -> str:
    """
    A sentence for the client, whose id stands in the log. The log gets the place and the type of
    the exception without its message, which may quote the input.
    """
    number = uuid.uuid4().hex
    trace = "".join(format_tb(error.__traceback__))
    logger.error("error %s: %s\n%s", number, type(error).__name__, trace)
    return f"the server failed; its log tells more under {number}."
