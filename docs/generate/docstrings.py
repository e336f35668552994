"""Docstrings in AllenNLP's form as Markdown for mkdocstrings: an entry becomes a definition."""

import re

import griffe

SECTION = re.compile(r"^# (?:Parameters|Attributes)\b.*\n((?:(?!# ).*(?:\n|$))*)", re.MULTILINE)
ENTRY = re.compile(
    r"^(?P<names>\w[\w,\s]*?) :(?P<type>.*)\n(?P<words>(?:(?: .*)?\n|\n)*)", re.MULTILINE
)


def _as_definition(entry: re.Match) -> str:
    names = ", ".join(f"`{name.strip()}`" for name in entry["names"].split(","))
    # Two spaces end a line.
    type_ = f"    {entry['type'].strip()}  \n" if entry["type"].strip() else ""
    return f"\n{names}\n:{(type_ + entry['words'])[1:]}\n"


def as_markdown(docstring: str) -> str:
    """Makes definitions of parameters and attributes, and bold words of the headings."""

    def define(section: re.Match) -> str:
        heading, _, entries = section[0].partition("\n")
        return f"{heading}\n{ENTRY.sub(_as_definition, entries + chr(10))}"

    return re.sub(r"^# (.*)$", r"**\1**", SECTION.sub(define, docstring), flags=re.MULTILINE)


class AllenNLPDocstrings(griffe.Extension):
    """Rewrites each docstring that griffe collects."""

    def on_instance(self, *, obj: griffe.Object, **kwargs: object) -> None:
        if obj.docstring:
            obj.docstring.value = as_markdown(obj.docstring.value)
