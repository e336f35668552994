"""Lists of results in which an error may stand in the place of one."""

from typing import Any, Iterable, Sequence


def successes(outcomes: Iterable[Any]) -> list[Any]:
    """Leaves out the errors."""
    return [outcome for outcome in outcomes if not isinstance(outcome, Exception)]


def replace_successes(outcomes: Iterable[Any], results: Sequence[Any]) -> list[Any]:
    """Puts the results in the places of the successes, one for each in turn; errors stay."""
    remaining = iter(results)
    return [each if isinstance(each, Exception) else next(remaining) for each in outcomes]
