"""Lists of results in which an error may stand in the place of one."""

from typing import Any, Callable, Iterable, Sequence

from allennlp.common.checks import ConfigurationError

from bert_classification.data.json_values import shorten


def successes(outcomes: Iterable[Any]) -> list[Any]:
    """Leaves out the errors."""
    return [outcome for outcome in outcomes if not isinstance(outcome, Exception)]


def replace_successes(outcomes: Iterable[Any], results: Sequence[Any]) -> list[Any]:
    """Puts the results in the places of the successes, one for each in turn; errors stay."""
    remaining = iter(results)
    return [each if isinstance(each, Exception) else next(remaining) for each in outcomes]


def each_or_error(
    items: list[Any],
    run: Callable[[list[Any]], Iterable[Any]],
    notice: Callable[[Exception], object] = lambda error: None,
) -> list[Any]:
    """
    Gives what `run` makes of the items; after a failure, of which `notice` is told, the halves are
    tried, down to the item that fails, in whose place the exception stands.
    """
    if not items:
        return []
    try:
        return list(run(items))
    except Exception as error:
        notice(error)
        if len(items) == 1:
            return [error]
    half = len(items) // 2
    return each_or_error(items[:half], run, notice) + each_or_error(items[half:], run, notice)


def sentence_of(error: Exception) -> str:
    """Words an error for the one whose record it is; nobody foresaw what is no `RecordError`."""
    if isinstance(error, ConfigurationError):
        return str(error)
    reason = shorten(" ".join(str(error).split()), 200)
    return f"this record failed with {type(error).__name__}{reason and f' ({reason})'}."
