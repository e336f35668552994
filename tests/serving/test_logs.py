import io
import logging
from typing import Iterator

import pytest

from bert_classification.serving.guard import fault
from bert_classification.serving.logs import KINDS, LINES, RepeatFilter


class Log:
    """A logger of two handlers with one filter, and its own clock."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.logger = logging.getLogger("tests.repeats")
        self.logger.propagate = False
        self.texts = [io.StringIO(), io.StringIO()]
        repeats = RepeatFilter(lambda: self.seconds)
        for text in self.texts:
            handler = logging.StreamHandler(text)
            handler.addFilter(repeats)
            self.logger.addHandler(handler)

    def lines(self) -> list[str]:
        first, second = (text.getvalue().splitlines() for text in self.texts)
        assert first == second
        return first


@pytest.fixture
def log() -> Iterator[Log]:
    made = Log()
    yield made
    made.logger.handlers.clear()


def warn(log: Log, value: int) -> None:
    log.logger.warning("it says %d", value)


def test_what_repeats_is_left_out_and_counted(log) -> None:
    for value in range(1000):
        warn(log, value)
    assert log.lines() == [f"it says {value}" for value in range(LINES)]
    log.logger.warning("another one")
    log.seconds = 61
    warn(log, 7)
    assert log.lines()[LINES:] == [
        "another one",
        f"it says 7 ({1000 - LINES} more like it were left out before)",
    ]


def test_what_was_asked_for_is_not_left_out(log) -> None:
    log.logger.setLevel(logging.INFO)
    for value in range(3 * LINES):
        log.logger.info("input %d", value)
    assert len(log.lines()) == 3 * LINES


def test_a_fault_does_not_hide_another_one(log) -> None:
    errors = []
    for text in ["x"] * 1000 + ["1"]:
        try:
            [][int(text)]
        except (ValueError, IndexError) as error:
            errors.append(error)
    handlers = log.logger.handlers
    guard = logging.getLogger("bert_classification.serving.guard")
    guard.handlers, guard.propagate = handlers, False
    try:
        for error in errors:
            fault(error)
    finally:
        guard.handlers, guard.propagate = [], True
    assert sum("ValueError" in line for line in log.lines()) == LINES
    assert sum("IndexError" in line for line in log.lines()) == 1


def test_the_kinds_that_are_remembered_are_limited(log) -> None:
    repeats = RepeatFilter(lambda: 0)
    for line in range(3 * KINDS):
        repeats.filter(logging.LogRecord("a", logging.ERROR, "path", line, "text", (), None))
    assert len(repeats._kinds) == KINDS
