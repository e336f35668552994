"""What a connection may take: a time for each head and each answer, and a share of the sockets."""

import asyncio
from contextlib import suppress
from typing import Any, Callable, Optional

import h11
from uvicorn.protocols.http.h11_impl import STATUS_PHRASES, H11Protocol

from bert_classification.serving.memory import give_back
from bert_classification.serving.responses import HEADERS, StrictJSONResponse
from bert_classification.serving.settings import Settings

BODY_GRACE = 3.0
"""Seconds that a body which is half there has to come, once the server was told to stop."""

MANY = 32
"""Connections after whose end the memory that they took is given back."""
READ_SIZE = 1 << 14
"""Bytes that are read of a connection at once."""


class Connections:
    """
    The connections that are open, at most `limit`. Who comes then takes the room of the one that
    has kept the server waiting longest, so that those who open connections and send nothing do not
    shut out those who ask; there is none where the server owes everybody an answer.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._open: set[TimedProtocol] = set()
        self._most = 0
        # A dict keeps the order in which they began to wait.
        self._waiting: dict[TimedProtocol, None] = {}

    @property
    def limit_reached(self) -> str:
        return f"{self._limit} connections are open (`--max-connections`); try again."

    def add(self, connection: "TimedProtocol") -> bool:
        """Takes a connection in, if need be for another one; `False` when there is no room."""
        if len(self._open) >= self._limit:
            oldest = next(iter(self._waiting), None)
            if oldest is None:
                return False
            self.remove(oldest)
            oldest.cut(503, self.limit_reached)
        self._open.add(connection)
        self._most = max(self._most, len(self._open))
        self._waiting[connection] = None
        return True

    def remove(self, connection: "TimedProtocol") -> None:
        self._open.discard(connection)
        self._waiting.pop(connection, None)
        if self._most >= MANY and len(self._open) <= self._most // 8:
            self._most = len(self._open)
            give_back()

    def set_waiting(self, connection: "TimedProtocol", waiting: bool) -> None:
        """Says whether it is the client's turn: to send, or to read what was sent."""
        if not waiting:
            self._waiting.pop(connection, None)
        elif connection in self._open:
            self._waiting.setdefault(connection)


class TimedProtocol(H11Protocol):
    """
    uvicorn's HTTP/1.1 with the times that it does not keep: `head_timeout` until a request's head
    is there, from the connection's begin or the answer before; and `timeout` until an answer is
    read. The time of a body is kept by `LimitedBody`.
    """

    def __init__(self, *args: Any, room: Connections, settings: Settings, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._room = room
        self._settings = settings
        self._timer: Optional[asyncio.TimerHandle] = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        # asyncio's name for what one `recv` asks for; its own 256 KiB for each add up.
        transport.max_size = READ_SIZE  # type: ignore[attr-defined]
        if self._room.add(self):
            self._start_timer(self._settings.head_timeout, self._expire)
        else:
            self._refuse(503, self._room.limit_reached)

    def connection_lost(self, exc: Optional[Exception]) -> None:
        self._stop_timer()
        self._room.remove(self)
        super().connection_lost(exc)

    def handle_events(self) -> None:
        before = self.cycle
        super().handle_events()
        if self.cycle is not before and not self.transport.is_closing():
            self._stop_timer()
        self._room.set_waiting(self, not self._owes_answer())

    def on_response_complete(self) -> None:
        unread = self.transport.get_write_buffer_size() > 0
        seconds = self._settings.timeout if unread else self._settings.head_timeout
        self._start_timer(seconds, self._expire)
        # It goes to the end of those that wait.
        self._room.set_waiting(self, False)
        self._room.set_waiting(self, True)
        super().on_response_complete()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._start_timer(self._settings.timeout, self.transport.abort)
        self._room.set_waiting(self, True)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._owes_answer():
            self._stop_timer()
            self._room.set_waiting(self, False)

    def shutdown(self) -> None:
        try:
            super().shutdown()
        except h11.LocalProtocolError:
            self.transport.abort()
        if self._reads_body():
            self._start_timer(BODY_GRACE, self._cut_body)

    def send_400_response(self, msg: str) -> None:
        self._refuse(400, msg)

    def cut(self, status: int, sentence: str) -> None:
        """Ends the connection, with an answer where a request has begun and has none."""
        if self._reads_body() or (self._waits_for_head() and self.conn.trailing_data[0]):
            self._refuse(status, sentence)
        else:
            self.transport.abort()

    def _waits_for_head(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _reads_body(self) -> bool:
        cycle = self.cycle
        return not self._waits_for_head() and cycle.more_body and not cycle.response_started

    def _owes_answer(self) -> bool:
        return not (self._waits_for_head() or self.cycle.more_body or self.flow.write_paused)

    def _expire(self) -> None:
        if self.transport.is_closing():
            self.transport.abort()
        else:
            seconds = self._settings.head_timeout
            self.cut(408, f"no head of a request within {seconds:g} seconds (`--head-timeout`).")

    def _cut_body(self) -> None:
        if self._reads_body():
            self.cut(503, "the server stops, and the body was not there yet; ask again.")

    def _refuse(self, status: int, sentence: str) -> None:
        """Answers in the place of the application, where nothing is said yet, and hangs up."""
        if self.cycle is not None:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            with suppress(h11.LocalProtocolError):  # The answer to HEAD has no body.
                for event in _error_events(status, sentence):
                    self.transport.write(self.conn.send(event) or b"")
        self._start_timer(self._settings.head_timeout, self._expire)
        self.transport.close()

    def _start_timer(self, seconds: float, act: Callable[[], None]) -> None:
        self._stop_timer()
        self._timer = self.loop.call_later(seconds, act)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _error_events(status: int, sentence: str) -> list[h11.Event]:
    headers = {**HEADERS, "connection": "close"}
    answer = StrictJSONResponse({"error": sentence}, status, headers)
    return [
        h11.Response(status_code=status, headers=answer.raw_headers, reason=STATUS_PHRASES[status]),
        h11.Data(data=bytes(answer.body)),
        h11.EndOfMessage(),
    ]
