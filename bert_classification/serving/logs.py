"""A log that does not grow by what clients do."""

import logging
import time
from typing import Callable

LINES = 20
"""How many warnings of one kind are logged in a minute."""

KINDS = 1000
"""How many kinds are told apart at once."""


class RepeatFilter(logging.Filter):
    """
    Lets through `LINES` warnings or errors a minute of each kind: what one line of code logs, and
    of faults each one apart. The first one of a later minute says how many were left out. What is
    below a warning was asked for.

    # Parameters

    clock : `Callable[[], float]`, optional (default = `time.monotonic`)
        Tells the seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._kinds: dict[tuple, _Kind] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno < logging.WARNING:
            return True
        # Several handlers see the same record.
        seen = record.__dict__
        if "let_through" not in seen:
            seen["let_through"] = self._count(record)
        return seen["let_through"]

    def _count(self, record: logging.LogRecord) -> bool:
        name = (record.name, record.pathname, record.lineno, getattr(record, "fault", None))
        now = self._clock()
        kind = self._kinds.get(name)
        if kind is None or now - kind.begin >= 60:
            self._forget_oldest()
            if kind is not None and kind.count > LINES:
                left_out = f" ({kind.count - LINES} more like it were left out before)"
                record.msg, record.args = record.getMessage() + left_out, None
            self._kinds.pop(name, None)
            kind = self._kinds[name] = _Kind(now)
        kind.count += 1
        return kind.count <= LINES

    def _forget_oldest(self) -> None:
        if len(self._kinds) >= KINDS:
            del self._kinds[next(iter(self._kinds))]


class _Kind:
    """A minute of one kind of record."""

    def __init__(self, begin: float) -> None:
        self.begin = begin
        self.count = 0
