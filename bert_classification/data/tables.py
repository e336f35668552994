"""Files of records as strangers bring them: which of their columns are ours."""

import json
from itertools import islice
from typing import Any, Iterable, Iterator, NamedTuple, Sequence, Union

from allennlp.common.checks import ConfigurationError

from bert_classification.data.draft import Draft
from bert_classification.data.files import read_lines
from bert_classification.data.json_values import shorten
from bert_classification.data.records import FORMATS, guess_format, read_records, read_rows
from bert_classification.data.records import ROWS as ROW_FORMATS

ROWS = 1000
"""How many rows of a file are looked at for its columns."""

PAIRS = (
    ("text", "text_pair"),
    ("sentence1", "sentence2"),
    ("premise", "hypothesis"),
    ("question1", "question2"),
    ("text1", "text2"),
    ("text_a", "text_b"),
    ("#1 string", "#2 string"),
    ("question", "sentence"),
    ("query", "passage"),
)
"""Columns of two texts, as data in use name them."""

NAMES: dict[str, tuple[str, ...]] = {
    "text": ("text", "sentence", "review", "tweet", "comment", "content", "body", "document"),
    "label": ("label", "labels", "gold_label", "score", "class", "category", "sentiment", "target")
    + ("quality", "is_duplicate", "similarity", "rating", "stars", "emotion", "intent", "topic"),
    "tokens": ("tokens", "words"),
    "tags": ("tags", "ner_tags", "labels", "pos_tags"),
    "context": ("context", "passage", "paragraph"),
    "answers": ("answers", "answer"),
}
"""Columns of one value, by our key, the likeliest first; of all others the key itself."""


class Table(NamedTuple):
    """
    The first rows of a file.

    columns : `List[str]`
        Their names, or their numbers where there is no header.
    """

    path: str
    columns: list[str]
    has_header: bool
    rows: list[dict[str, Any]]

    def values(self, column: str) -> list[Any]:
        """Lists what stands in a column and is not empty."""
        found = (row.get(column) for row in self.rows)
        return [value for value in found if value not in (None, "")]

    def key(self, column: str) -> Union[str, int]:
        """Gives what `columns` has for a column."""
        return column if self.has_header else int(column)


def find_format(path: str, draft: Draft) -> str:
    """
    Tells the format of a file of records, by its extension or, where that says none, by its first
    line; `ConfigurationError` when neither says it.
    """
    found: str = draft.get("dataset_reader.format") or guess_format(path) or ""
    if found in FORMATS.values():
        return found
    if found:
        raise ConfigurationError(
            f"`--format` is {found!r}; expected jsonl, tsv or csv, or a format of the task's own."
        )
    encoding = draft.get("dataset_reader.encoding", "utf-8")
    line = next((line for _, line in read_lines(path, encoding) if line.strip()), None)
    if line is None:
        raise ConfigurationError(f"{path}: the file is empty; expected data to train on.")
    sniffed = "jsonl" if line.startswith("{") else "tsv" if "\t" in line else None
    if sniffed is None:
        raise ConfigurationError(
            f"{path}: cannot tell the format, neither from the extension nor from the first line; "
            "give `--format` jsonl, tsv or csv."
        )
    why = "The extension says no format; the first line does."
    return draft.set("dataset_reader.format", sniffed, why)


def read_table(path: str, format: str, encoding: str) -> Table:
    """Reads the first rows of a file; of `tsv` and `csv` it is told whether they have a header."""
    if format not in ROW_FORMATS:
        records = islice(read_records(path, format, None, encoding), ROWS)
        values = [record.values for record in records]
        columns = list(dict.fromkeys(key for each in values for key in each))
        return Table(path, columns, True, values)
    rows = list(islice(read_rows(path, format, encoding), ROWS + 1))
    if not rows:
        raise ConfigurationError(f"{path}: the file is empty; expected {format} data.")
    has_header = _has_header(rows)
    columns = rows[0] if has_header else [str(number) for number in range(len(rows[0]))]
    rest = rows[1:] if has_header else rows[:ROWS]
    if not rest:
        raise ConfigurationError(f"{path}: no row beside the header; expected data to train on.")
    return Table(path, columns, has_header, [dict(zip(columns, row)) for row in rest])


def _has_header(rows: Sequence[Sequence[str]]) -> bool:
    """A name stands in its column once, and not where all others are numbers."""
    known = {name for names in (*PAIRS, *NAMES.values()) for name in names}
    if any(cell.lower() in known for cell in rows[0]):
        return True
    columns = [
        [row[index] for row in rows[1:] if index < len(row)] for index in range(len(rows[0]))
    ]
    return not any(
        cell and (cell in rest or _is_number(cell)) for cell, rest in zip(rows[0], columns)
    )


def match_columns(table: Table, keys: Sequence[str], optional: Sequence[str]) -> dict[str, str]:
    """
    Finds the columns for keys of ours: by their names, and what is left of a text and a label by
    what stands in it. Keys that are `optional` may have none.

    # Raises

    `ConfigurationError` that names the columns, and the option to tell them.
    """
    found = _match_names(table, keys)
    for key, is_it in (("label", _is_label), ("text", _is_text)):
        if key in keys and key not in found:
            rest = [name for name in table.columns if name not in found.values()]
            fitting = [name for name in rest if is_it(table.values(name))]
            if key == "label":
                fitting = _ids_first(table, fitting)
                fitting = fitting or [name for name in rest if _is_amount(table.values(name))]
            if len(fitting) == 1:
                found[key] = fitting[0]
    missing = [key for key in keys if key not in found and key not in optional]
    if missing:
        raise ConfigurationError(_cannot_tell(table, missing))
    return {key: found[key] for key in keys if key in found}


def _match_names(table: Table, keys: Sequence[str]) -> dict[str, str]:
    names = {column.lower(): column for column in table.columns if table.has_header}
    found: dict[str, str] = {}
    for first, second in PAIRS:
        if {"text", "text_pair"} <= set(keys) and first in names and second in names:
            found = {"text": names[first], "text_pair": names[second]}
            break
    for key in keys:
        fitting = [names[each] for each in NAMES.get(key, (key,)) if each in names]
        fitting = [name for name in fitting if name not in found.values()]
        if key not in found and key != "text_pair" and fitting:
            found[key] = fitting[0]
    return found


def _cannot_tell(table: Table, missing: Sequence[str]) -> str:
    kind = "columns" if table.has_header else "columns (without header, counted from 0)"
    shown = ", ".join(
        f"`{name}` ({shorten(str(next(iter(table.values(name)), '')), 30)})"
        for name in table.columns[:12]
    )
    example = {key: "NAME" if table.has_header else 0 for key in missing}
    return (
        f"{table.path}: cannot tell which of the {kind} is `{'`, and which `'.join(missing)}`: "
        f"{shown}. Say it: --columns '{json.dumps(example)}'."
    )


def _is_text(values: Sequence[Any]) -> bool:
    texts = [value for value in values if isinstance(value, str) and not _is_number(value)]
    several_words = sum(" " in text.strip() for text in texts)
    return len(texts) == len(values) > 0 and several_words > len(values) / 2


def _is_label(values: Sequence[Any]) -> bool:
    flat = [str(part) for value in values for part in parts_of(value)]
    few = len(set(flat)) <= max(2, len(values) // 3)
    return bool(flat) and few and max(map(len, flat)) <= 60


def _is_amount(values: Sequence[Any]) -> bool:
    return bool(values) and all(map(_is_number, values)) and any("." in str(v) for v in values)


def _ids_first(table: Table, columns: list[str]) -> list[str]:
    """Of several columns with few values takes the one of numbers, if there is one."""
    numbers = [name for name in columns if all(map(_is_number, _parts(table.values(name))))]
    return numbers if len(columns) > 1 and len(numbers) == 1 else columns


def _parts(values: Iterable[Any]) -> Iterator[str]:
    return (str(part) for value in values for part in parts_of(value))


def parts_of(value: Any) -> list[Any]:
    """Lists what a value of several labels may be made of: of a list its items."""
    if isinstance(value, list):
        return value
    if isinstance(value, str) and "," in value and " " not in value:
        return value.split(",")
    return [value]


def _is_number(value: Any) -> bool:
    if isinstance(value, bool):
        return False
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True


def propose_columns(
    path: str, draft: Draft, keys: Sequence[str], optional: Sequence[str] = ()
) -> Table:
    """
    Proposes the format and `columns` of a file of records, and gives its first rows under our keys.
    """
    format = find_format(path, draft)
    encoding = draft.get("dataset_reader.encoding", "utf-8")
    table = read_table(path, format, encoding)
    columns = draft.get("dataset_reader.columns")
    if columns is None:
        found = match_columns(table, keys, optional)
        if any(key != column for key, column in found.items()):
            columns = {key: table.key(column) for key, column in found.items()}
            columns = draft.set("dataset_reader.columns", columns, _why(table, format))
    else:
        has_numbers = all(isinstance(column, int) for column in columns.values())
        if has_numbers and format in ROW_FORMATS:
            table = _by_number(path, format, encoding)
    named = {key: str(column) for key, column in (columns or {}).items()}
    rows = [_under_keys(row, named) for row in table.rows]
    return table._replace(rows=rows)


def _by_number(path: str, format: str, encoding: str) -> Table:
    rows = list(islice(read_rows(path, format, encoding), ROWS))
    numbered = [{str(index): cell for index, cell in enumerate(row)} for row in rows]
    return Table(path, list(numbered[0] if numbered else {}), False, numbered)


def _under_keys(row: dict[str, Any], columns: dict[str, str]) -> dict[str, Any]:
    kept = {key: value for key, value in row.items() if key not in columns.values()}
    return {**kept, **{key: row[column] for key, column in columns.items() if column in row}}


def _why(table: Table, format: str) -> str:
    if not table.has_header:
        return (
            f"No header in line 1: columns by their numbers, 0 to {len(table.columns) - 1}, told "
            "by what stands in them."
        )
    kind = "header" if format in ROW_FORMATS else "keys"
    return f"The {kind} of the file: {shorten(', '.join(table.columns), 200)}."
