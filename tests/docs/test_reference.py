"""The reference has every key that a config may have, and the commands' pages every option."""

import argparse
import re

import pytest

from docs.generate import options, reference
from docs.generate.docstrings import as_markdown
from docs.generate.parameters import keys_of
from docs.generate.site import navigation

PAGES = dict(reference.pages())
REGISTERED = reference.registered()


def keys_on(page: str) -> dict[str, set[str]]:
    """Gives the keys of each section of a page, by its anchor, with those of its base."""
    sections = re.split(r"^## .*\{ #(.*) \}$", page, flags=re.MULTILINE)
    keys = {}
    for anchor, text in zip(sections[1::2], sections[2::2]):
        filled_in = re.findall(r"^Filled in.*?: (.*)\.$", text, re.MULTILINE)
        keys[anchor] = set(re.findall(r"^`(\w+)` <span", text, re.MULTILINE))
        keys[anchor] |= set(re.findall(r"\w+", " ".join(filled_in)))
    for anchor, text in zip(sections[1::2], sections[2::2]):
        base = re.search(r"^All keys of .*\(#(.*)\)", text, re.MULTILINE)
        keys[anchor] |= keys[base[1]] if base else set()
    return keys


@pytest.mark.parametrize("each", REGISTERED, ids=lambda each: f"{each.registry}-{each.name}")
def test_each_parameter_of_a_registered_constructor_is_there(each) -> None:
    page = PAGES[f"reference/{each.task or 'shared'}.md"]
    expected = {key.name for key in keys_of(each.kind, each.constructor)}
    assert keys_on(page)[f"{each.registry}-{each.name}".lower()] >= expected


def test_all_are_counted() -> None:
    kinds = {each.registry for each in REGISTERED}
    assert {"Model", "DatasetReader", "Predictor", "TokenIndexer", "Tokenizer"} <= kinds
    assert {"BatchSampler", "DataLoader", "Trainer", "TrainerCallback", "Metric"} <= kinds
    shown = sum(len(keys) for page in PAGES.values() for keys in keys_on(page).values())
    assert shown >= sum(len(keys_of(each.kind, each.constructor)) for each in REGISTERED) > 300


def test_our_keys_are_described() -> None:
    """Of AllenNLP's own some are not."""
    for each in REGISTERED:
        own = vars(each.kind).get("__init__")
        names = own.__code__.co_varnames[: own.__code__.co_argcount] if own else ()
        for key in keys_of(each.kind):
            shown = key.name in names and key.name not in reference.NOT_IN_CONFIGS
            assert key.description or not shown, f"{each.name}: {key.name}"


@pytest.mark.parametrize("name, parser", options.parsers().items())
def test_each_option_of_a_command_is_there(name, parser) -> None:
    (text,) = [page for path, page in options.pages({}) if path == f"commands/{name}.md"]
    for action in parser._actions:
        if action.help is not argparse.SUPPRESS and "--help" not in action.option_strings:
            shown = action.option_strings or [action.metavar or action.dest]
            assert all(re.search(rf"`\[?{each}\b", text) for each in shown), shown


def test_options_stand_behind_what_is_written() -> None:
    pages = dict(options.pages({"commands/train.md": "# Train\n\nMine.\n"}))
    assert pages["commands/train.md"].startswith("# Train\n\nMine.\n\n## What it takes")


def test_each_page_has_one_place_in_the_navigation() -> None:
    paths = ["a.md", "index.md", "tutorials/x.md", "tutorials/classification.md", "new/y.md"]
    found = [page for heading in navigation(paths) for pages in heading.values() for page in pages]
    assert sorted(found) == sorted(paths)
    assert found.index("tutorials/classification.md") < found.index("tutorials/x.md")


def test_a_docstring_of_allennlps_form_becomes_markdown() -> None:
    text = (
        "What.\n\n# Parameters\n\na, b : `int`, optional\n    Words.\nc : `str`\n\n# Raises\n\n`X`."
    )
    made = as_markdown(text)
    assert "`a`, `b`\n:   `int`, optional  \n    Words.\n" in made and "`c`\n:   `str`" in made
    assert "**Parameters**" in made and "**Raises**\n\n`X`." in made
