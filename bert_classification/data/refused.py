"""
Records that cannot be read. The first one ends the reading with an error; who collects them gets
each, and the reading goes on behind it.
"""

from contextlib import contextmanager
from contextvars import ContextVar
from typing import Callable, Iterator, Optional

from allennlp.common.checks import ConfigurationError

Collect = Callable[[ConfigurationError], None]

_collect: ContextVar[Optional[Collect]] = ContextVar("collect", default=None)


def refuse(error: ConfigurationError) -> None:
    """
    Raises the error of a record, whose message begins with the location; or hands it to who
    collects such errors, and returns: the caller then leaves the record out.
    """
    collect = _collect.get()
    if collect is None:
        raise error
    collect(error)


@contextmanager
def collected(collect: Collect) -> Iterator[None]:
    """Lets what is refused within go to `collect`."""
    token = _collect.set(collect)
    try:
        yield
    finally:
        _collect.reset(token)
