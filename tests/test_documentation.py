"""What one writes in a config is documented: each parameter, and nothing that is none."""

from typing import Optional

import pytest

from docs.generate.parameters import (
    CLASSES,
    GIVEN,
    entries_of,
    parameters_of,
    place_of,
    resolve,
)


def mistakes_of(docstring: Optional[str], own: set[str], all_names: set[str]) -> list[str]:
    """Gives what is wrong with the parameters of a docstring."""
    entries = dict(entries_of(docstring))
    mistakes = [f"{name} is not documented" for name in sorted(own - GIVEN - entries.keys())]
    mistakes += [f"{name} is no parameter" for name in sorted(entries.keys() - all_names)]
    for name, words in entries.items():
        place = place_of(words)
        if place:
            target = resolve(place)
            if target is None or name not in dict(entries_of(target.__doc__)):
                mistakes.append(f"{name} is not documented in {place}")
    return mistakes


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
