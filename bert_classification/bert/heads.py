"""
Whose head a checkpoint has: a table that the models of the tasks fill, by `starts_from` and
`head_settings`; see `bert_classification.bert`.
"""

from typing import Any, Mapping, NamedTuple, Optional, Sequence

from allennlp.common.checks import ConfigurationError
from allennlp.models import Model

PREFIX = "bert_for_"


class HeadSettings(NamedTuple):
    """
    What a task has to know of a checkpoint's head beside its weights.

    labels : `Sequence[str]`
        Those of the vocabulary, in the order of the outputs.
    settings : `Mapping[str, Any]`
        Keys that the configs of the model and of the reader get alike.
    """

    labels: Sequence[str] = ()
    settings: Mapping[str, Any] = {}


def tasks() -> dict[str, Any]:
    """Maps the registered names of models to those that say what they start from."""
    models = {name: Model.by_name(name) for name in sorted(Model.list_available())}
    return {name: model for name, model in models.items() if hasattr(model, "starts_from")}


def find_task(name: str, architectures: Optional[Sequence[str]], task: Optional[str]) -> str:
    """
    Finds the registered name of the task that a checkpoint's head is of.

    # Parameters

    name : `str`
        The checkpoint.
    architectures : `Sequence[str]`, optional
        As its config.json has them.
    task : `str`, optional
        What the user wants it for, with or without `bert_for_`; whether the weights have that head
        shows when they are loaded.

    # Raises

    `ConfigurationError` when there is no such task, or the head is of none.
    """
    known = tasks()
    if task is not None:
        found = next((each for each in (task, PREFIX + task) if each in known), None)
        if found is None:
            raise ConfigurationError(
                f"`--task` is {task!r}; expected one of {', '.join(map(_short, known))}."
            )
        return found
    if not architectures:
        raise ConfigurationError(
            f"{name}: `architectures` in its config.json is empty, so nothing says what head it "
            "has; name the task that it is for with `--task` of `allennlp from-hf`."
        )
    architecture = architectures if isinstance(architectures, str) else architectures[0]
    found = next((each for each, model in known.items() if architecture in model.starts_from), None)
    if found is not None:
        return found
    heads = "; ".join(f"{_short(each)} ({', '.join(known[each].starts_from)})" for each in known)
    raise ConfigurationError(
        f"{name} has the head {architecture!r} (`architectures` in its config.json), which is that "
        f"of no task here; expected one of {heads}."
    )


def _short(name: str) -> str:
    return name.removeprefix(PREFIX)
