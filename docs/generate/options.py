"""The pages of the commands: what each takes, as its parser says it."""

import argparse
import re
import sys
from typing import Iterator
from unittest import mock

from allennlp.commands import parse_args


def parsers() -> dict[str, argparse.ArgumentParser]:
    """Gives the parser of each command of `allennlp`, by its name."""
    with mock.patch.object(sys, "argv", ["allennlp"]):
        parser, _ = parse_args("allennlp")
    (commands,) = [each for each in parser._actions if isinstance(each, argparse._SubParsersAction)]
    return dict(commands.choices)


def _head(action: argparse.Action, formatter: argparse.HelpFormatter) -> str:
    values = formatter._format_args(action, formatter._get_default_metavar_for_optional(action))
    if not action.option_strings:
        return f"`{formatter._format_args(action, action.dest)}`"
    names = ", ".join(f"`{each}`" for each in action.option_strings)
    return f"{names} `{values}`" if values else names


def _entry(action: argparse.Action, formatter: argparse.HelpFormatter) -> str:
    help_ = formatter._expand_help(action) if action.help else ""
    # What stands in angle brackets would be taken for HTML.
    words = re.sub(r"\s+", " ", help_).replace("<", "&lt;") or "No help."
    if "(default: " in words:
        # AllenNLP's parser adds its own.
        words = re.sub(r" \(default = [^)]*\)$", "", words)
    default = action.default
    known = default in (None, False, argparse.SUPPRESS, [], {}, "")
    behind = "" if known or "default" in words else f" Default: `{default}`."
    return f"{_head(action, formatter)}\n:   {words}{behind}\n"


def options(parser: argparse.ArgumentParser) -> str:
    """Gives the section of a page that lists what a command takes."""
    formatter = parser._get_formatter()
    shown = [
        each
        for each in parser._actions
        if each.help is not argparse.SUPPRESS and "--help" not in each.option_strings
    ]
    positional = [_entry(each, formatter) for each in shown if not each.option_strings]
    optional = [_entry(each, formatter) for each in shown if each.option_strings]
    lines = ["## What it takes\n", *positional, "## Options\n", *optional]
    return "\n".join(lines if positional else lines[1:])


def pages(written: dict[str, str]) -> Iterator[tuple[str, str]]:
    """
    Yields the path below `docs/` and the Markdown of each command's page.

    # Parameters

    written : `Dict[str, str]`
        The pages that there are, by their path: the options go behind their text.
    """
    for name, parser in parsers().items():
        path = f"commands/{name}.md"
        text = written.get(path) or f"# allennlp {name}\n\n{parser.description}\n"
        yield path, f"{text.rstrip()}\n\n{options(parser)}"
