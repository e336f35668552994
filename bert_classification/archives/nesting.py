"""
How deep JSON may be nested. Python's own code gives up somewhere above, and not where its parser
does: after 990 levels that is in Python 3.11, and after tens of thousands in 3.14.
"""

from typing import Any, Iterable

MAX_DEPTH = 64
"""How deep lists and objects may be nested."""


def is_too_deep(value: Any) -> bool:
    """Tells whether lists and objects are nested more than `MAX_DEPTH` levels deep."""
    level = [value]
    for _ in range(MAX_DEPTH):
        if not level:
            return False
        level = [inner for outer in level for inner in _inside(outer)]
    return any(isinstance(inner, (dict, list)) for inner in level)


def _inside(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()
