"""What one writes in a config is documented: each parameter, and nothing that is none."""

import importlib
import inspect
import pkgutil
import re
from typing import Any, Iterator, Optional

import pytest
from allennlp.common import FromParams

import bert_classification

# AllenNLP gives these to every model and predictor.
GIVEN = {"vocab", "model", "dataset_reader", "frozen"}


def classes_of_configs() -> list[type]:
    """Gives our classes that AllenNLP makes of a section of a config."""
    found = set()
    for module in pkgutil.walk_packages(bert_classification.__path__, "bert_classification."):
        for value in vars(importlib.import_module(module.name)).values():
            if inspect.isclass(value) and issubclass(value, FromParams):
                found.add(value)
    ours = [each for each in found if each.__module__.startswith("bert_classification.")]
    return sorted(ours, key=lambda each: (each.__module__, each.__name__))


def entries_of(docstring: Optional[str]) -> Iterator[tuple[str, str]]:
    """Yields the parameters of a docstring, each with the words that stand behind its colon."""
    text = inspect.cleandoc(docstring or "")
    for section in re.findall(r"^# Parameters\b.*\n((?:(?!#).*\n?)*)", text, re.MULTILINE):
        # An entry is not indented, and its list of names may go on in the next line.
        for entry in re.split(r"\n(?=\S)(?<!,\n)", section.strip()):
            names, colon, words = entry.partition(" :")
            if colon:
                yield from ((name.strip(), words) for name in names.split(","))


def named_parameters(init: Any) -> tuple[set[str], bool]:
    """Gives the names of a constructor, and whether it hands others on to its base."""
    parameters = list(inspect.signature(init).parameters.values())[1:]
    others = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    named = {each.name for each in parameters if each.kind not in others}
    return named, any(each.kind is inspect.Parameter.VAR_KEYWORD for each in parameters)


def parameters_of(kind: Any) -> tuple[set[str], set[str]]:
    """Gives the names that a class must document, its own, and those that it may document."""
    own = named_parameters(kind.__init__)[0] if "__init__" in vars(kind) else set()
    permitted: set[str] = set()
    for each in [each for each in kind.__mro__ if "__init__" in vars(each)]:
        named, hands_on = named_parameters(each.__init__)
        permitted |= named
        if not hands_on:
            break
    return own, permitted


def resolve(name: str) -> Any:
    """Gives the class or package that a docstring refers to."""
    if name.startswith("bert_classification."):
        return importlib.import_module(name)
    bases = {each for kind in CLASSES for each in kind.__mro__}
    return next((each for each in bases if each.__name__ == name), None)


def mistakes_of(docstring: Optional[str], own: set[str], all_names: set[str]) -> list[str]:
    """Gives what is wrong with the parameters of a docstring."""
    entries = dict(entries_of(docstring))
    mistakes = [f"{name} is not documented" for name in sorted(own - GIVEN - entries.keys())]
    mistakes += [f"{name} is no parameter" for name in sorted(entries.keys() - all_names)]
    for name, words in entries.items():
        there = re.search(r"See `([\w.]+)`", words)
        if there and (there[1][0].isupper() or there[1].startswith("bert_classification.")):
            target = resolve(there[1])
            if target is None or name not in dict(entries_of(target.__doc__)):
                mistakes.append(f"{name} is not documented in {there[1]}")
    return mistakes


CLASSES = classes_of_configs()


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_parameters_are_those_of_the_constructor(kind) -> None:
    assert mistakes_of(kind.__doc__, *parameters_of(kind)) == []


def test_every_kind_of_class_is_looked_at() -> None:
    kinds = {each.__name__ for kind in CLASSES for each in kind.__mro__}
    assert {"Model", "DatasetReader", "Predictor", "TokenIndexer", "Tokenizer"} <= kinds
    assert {"BatchSampler", "DataLoader", "Trainer", "TrainerCallback", "Metric"} <= kinds


DOCSTRING = """
    What it is.

    # Parameters

    first : `int`, optional (default = `3`)
        Words: with a colon : and another.
    second, third,
    fourth : See `bert_classification.bert`.

    # Returns

    fifth : `int`
    """


NAMES = {"first", "second", "third", "fourth"}


@pytest.mark.parametrize(
    "own, permitted, found",
    [
        ({"first", "vocab"}, NAMES, []),
        ({"first", "fifth"}, {*NAMES, "fifth"}, ["fifth is not documented"]),
        (set(), NAMES - {"first"}, ["first is no parameter"]),
    ],
)
def test_a_mistake_is_found(own, permitted, found) -> None:
    missing = ["second", "third", "fourth"]
    elsewhere = [f"{name} is not documented in bert_classification.bert" for name in missing]
    assert mistakes_of(DOCSTRING, own, permitted) == [*found, *elsewhere]
