"""Answers that are strictly JSON, and what every answer says to a browser."""

import json
from typing import Any

from fastapi.responses import JSONResponse
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bert_classification.data.json_values import without_wild_numbers

HEADERS = {
    # Whatever a record or a model may say, a browser runs and loads what stands here alone.
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


class HeadersMiddleware:
    """An ASGI middleware, the outermost: every answer has `HEADERS`, or its own in their place."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def add_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, add_headers)


class StrictJSONResponse(JSONResponse):
    """
    Strictly valid JSON, whatever a model or a client brings: a number that is not finite becomes
    null, and half a surrogate pair stays the escape it was.
    """

    def render(self, content: Any) -> bytes:
        try:
            text = _dump(content)
        except ValueError:
            text = _dump(without_wild_numbers(content))
        try:
            return text.encode()
        except UnicodeEncodeError:
            return json.dumps(json.loads(text)).encode()


def _dump(content: Any) -> str:
    return json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
