"""
Files to records: JSON lines and lists, TSV, CSV, Parquet, Arrow, the documents of spaCy and brat;
each record knows the file and line it came from.
"""

import csv
import json
import os
import re
from functools import partial
from pathlib import Path
from typing import Any, Callable, Iterator, Mapping, NamedTuple, Optional, TextIO, Union

from allennlp.common.checks import ConfigurationError

from bert_classification.archives.nesting import MAX_DEPTH, is_too_deep
from bert_classification.data.annotated_documents import has_brat, read_brat, read_docs
from bert_classification.data.columnar import (
    is_dataset,
    read_arrow,
    read_dataset,
    read_parquet,
)
from bert_classification.data.documents import read_documents
from bert_classification.data.files import open_text, read_lines
from bert_classification.data.json_values import MAX_DIGITS, describe, shorten

FORMATS = {
    **{".jsonl": "jsonl", ".json": "jsonl", ".ndjson": "jsonl", ".tsv": "tsv", ".csv": "csv"},
    **{".parquet": "parquet", ".arrow": "arrow", ".spacy": "spacy", ".ann": "brat"},
}

BLANKS = re.compile(r"[ \t\r\n]*")
MAX_MESSAGE = 1500
"""Characters of a message about a record."""

Columns = Mapping[str, Union[str, int]]


class Record(NamedTuple):
    """
    The keys and values of one example, and the location they were read from; or why there are none.
    """

    values: dict[str, Any]
    file: str
    line: int
    error: Optional["RecordError"] = None

    @property
    def location(self) -> str:
        return f"{self.file}, line {self.line}"


class Row(Record):
    """A record of a file that has rows and no lines."""

    @property
    def location(self) -> str:
        return f"{self.file}, row {self.line}"


class RecordError(ConfigurationError):
    """
    One record is not what the task expects; the message names the key and what was expected. What
    it quotes of the record may be long: of more than `MAX_MESSAGE` characters the middle is left
    out.
    """

    def __init__(self, message: str) -> None:
        long = len(message) > MAX_MESSAGE
        begin, end = message[: MAX_MESSAGE - 300], message[-300:]
        super().__init__(f"{begin} ... {end}" if long else message)


def read_records(
    path: str,
    format: Optional[str] = None,
    columns: Optional[Columns] = None,
    encoding: str = "utf-8",
) -> Iterator[Record]:
    """Yields what `records_or_errors` does, and raises the first error."""
    for record in records_or_errors(path, format, columns, encoding):
        if record.error is not None:
            raise record.error
        yield record


def records_or_errors(
    path: str,
    format: Optional[str] = None,
    columns: Optional[Columns] = None,
    encoding: str = "utf-8",
) -> Iterator[Record]:
    """
    Yields the records of a file, gzipped or not; what is no record has an `error` that names file
    and line.

    # Parameters

    path : `str`
        A file, or a URL that `cached_path` understands; of `datasets` and brat a directory.
    format : `str`, optional
        `jsonl` (lines, or one list), `tsv`, `csv`, `parquet`, `arrow`, `datasets`, `spacy`, `brat`,
        or another tool's of `exports`, which is JSON; by default what the file's extension says,
        before a `.gz`.
    columns : `Mapping[str, Union[str, int]]`, optional
        From our key to the file's column name, or to its number, counted from 0, in a file without
        header.
    encoding : `str`, optional (default = `utf-8`)
        A byte-order mark is dropped.

    # Raises

    `ConfigurationError` that names the file, when it is empty or cannot be read on.
    """
    name = format or guess_format(path)
    if name not in READERS:
        raise ConfigurationError(
            f"{path}: cannot tell the format {format or 'from the extension'}; "
            f"set `dataset_reader.format` to one of {', '.join(READERS)}."
        )
    empty = True
    for record in READERS[name](path, columns or {}, encoding):
        empty = False
        yield record
    if empty:
        raise ConfigurationError(f"{path}: no record in this file; expected {name} data.")


def guess_format(path: str, formats: Mapping[str, str] = FORMATS) -> Optional[str]:
    """
    Tells the format that the file's extension stands for, a final `.gz` aside, or of a directory
    what is in it; `None` when it is unknown.
    """
    if os.path.isdir(path):
        return "datasets" if is_dataset(path) else "brat" if has_brat(path) else None
    suffixes = [suffix.lower() for suffix in Path(str(path)).suffixes]
    if suffixes and suffixes[-1] == ".gz":
        suffixes.pop()
    return formats.get(suffixes[-1]) if suffixes else None


def parse_json_line(line: str, location: str) -> dict[str, Any]:
    """
    Reads the JSON object in a line.

    # Raises

    `RecordError` that begins with `location`, when the line holds something else.
    """
    try:
        return expect_object(load_json(line, location), location)
    except json.JSONDecodeError as error:
        raise RecordError(
            f"{location}: not valid JSON ({error.msg}, column {error.colno})."
        ) from error


def load_json(text: str, location: str, decode: Callable[[str], Any] = json.loads) -> Any:
    """
    Reads a JSON value, or what else `decode` gives.

    # Raises

    `json.JSONDecodeError`; and `RecordError` that begins with `location`, for JSON that is valid
    but that nobody could write again: nested too deeply, or with a number of thousands of digits.
    """
    too_deep = f"{location}: JSON nested too deeply; expected at most {MAX_DEPTH} levels."
    try:
        value = decode(text)
    except json.JSONDecodeError:
        raise
    except RecursionError as error:
        raise RecordError(too_deep) from error
    except ValueError as error:
        raise RecordError(
            f"{location}: a whole number of more than {MAX_DIGITS} digits; expected fewer."
        ) from error
    if is_too_deep(value):
        raise RecordError(too_deep)
    return value


def expect_object(values: Any, location: str) -> dict[str, Any]:
    """Returns what it was given; `RecordError` that begins with `location` for no JSON object."""
    if not isinstance(values, dict):
        raise RecordError(f"{location}: expected a JSON object, got {describe(values)}.")
    return values


def _json(path: str, columns: Columns, encoding: str) -> Iterator[Record]:
    """Reads JSON lines, or one list; the first character of the file says which."""
    with open_text(path, encoding) as file:
        lines = enumerate(file, 1)
        for number, line in lines:
            if line.lstrip().startswith("["):
                # Of a list the lines are none of their own.
                yield from _json_list(
                    line + "".join(rest for _, rest in lines), number, path, columns
                )
            elif not line.isspace():
                yield _json_record(line, path, number, columns)
                break
        for number, line in lines:
            if not line.isspace():
                yield _json_record(line, path, number, columns)


def _json_record(line: str, path: str, number: int, columns: Columns) -> Record:
    try:
        values = parse_json_line(line, f"{path}, line {number}")
    except RecordError as error:
        return Record({}, path, number, error)
    return _rename_columns(Record(values, path, number), columns)


def _json_list(text: str, line: int, path: str, columns: Columns) -> Iterator[Record]:
    """Reads the items of a list, which begins in a line, one after the other."""
    decoder = json.JSONDecoder()
    position, counted = _skip(text, text.index("[") + 1), 0
    while text[position : position + 1] != "]":
        line += text.count("\n", counted, position)
        counted, location = position, f"{path}, line {line}"
        try:
            decode = partial(decoder.raw_decode, idx=position)
            value, end = load_json(text, location, decode)
            position = _skip(text, end)
            if text[position : position + 1] not in (",", "]"):
                raise json.JSONDecodeError("expected ',' or ']'", text, position)
        except json.JSONDecodeError as error:
            raise ConfigurationError(
                f"{path}, line {line + text.count(chr(10), counted, error.pos)}: not valid JSON "
                f"({error.msg}, column {error.colno}) in the list of records."
            ) from error
        if text[position] == ",":
            position = _skip(text, position + 1)
        yield _list_item(value, path, line, columns)
    rest = text[position + 1 :].strip()
    if rest:
        raise ConfigurationError(
            f"{path}: {shorten(repr(rest))} after the list of records; expected one list, or a "
            "record a line."
        )


def _skip(text: str, position: int) -> int:
    """Finds the end of the white space at a position."""
    return BLANKS.match(text, position).end()  # type: ignore[union-attr]


def _list_item(value: Any, path: str, line: int, columns: Columns) -> Record:
    # As spaCy's examples of training data are written: ["text", {"entities": [...]}].
    if isinstance(value, list) and [type(each) for each in value] == [str, dict]:
        value = {"text": value[0], **value[1]}
    try:
        values = expect_object(value, f"{path}, line {line}")
    except RecordError as error:
        return Record({}, path, line, error)
    return _rename_columns(Record(values, path, line), columns)


def _table_file(path: str, columns: Columns, encoding: str, format: str) -> Iterator[Record]:
    with open_text(path, encoding) as file:
        yield from _table(ROWS[format](file, path), path, columns)


def _columnar(
    path: str, columns: Columns, encoding: str, read: Callable[[str], Iterator[Any]]
) -> Iterator[Record]:
    for number, values in read(path):
        yield _rename_columns(Row(values, path, number), columns)


def _spacy(path: str, columns: Columns, encoding: str) -> Iterator[Record]:
    if guess_format(path) == "spacy":
        yield from _columnar(path, columns, encoding, read_docs)
    else:
        yield from _json(path, columns, encoding)


def _brat(path: str, columns: Columns, encoding: str) -> Iterator[Record]:
    for file, values in read_brat(path, encoding):
        yield _rename_columns(Record(values, file, 1), columns)


def read_rows(path: str, format: str, encoding: str = "utf-8") -> Iterator[list[str]]:
    """Yields all rows of a file, `tsv` or `csv`, a header among them if it has one."""
    with open_text(path, encoding) as file:
        yield from (row for _, row in ROWS[format](file, path))


def _tsv_rows(file: TextIO, path: str) -> Iterator[tuple[int, list[str]]]:
    # GLUE's files hold single quotation marks: read by a CSV parser they swallow lines.
    rows = ((number, line.rstrip("\r\n").split("\t")) for number, line in enumerate(file, 1))
    return ((number, row) for number, row in rows if row != [""])


def _csv_rows(file: TextIO, path: str) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(file, strict=True)
    try:
        for row in reader:
            if row:
                yield reader.line_num, row
    except csv.Error as error:
        raise ConfigurationError(
            f"{path}, line {reader.line_num}: not valid CSV ({error})."
        ) from error


def _table(rows: Iterator[tuple[int, list[str]]], path: str, columns: Columns) -> Iterator[Record]:
    if columns and all(isinstance(column, int) for column in columns.values()):
        return _rows_by_number(rows, path, columns)
    return _rows_by_name(rows, path, columns)


def _rows_by_number(
    rows: Iterator[tuple[int, list[str]]], path: str, columns: Columns
) -> Iterator[Record]:
    for number, row in rows:
        beyond = next(
            (key for key, column in columns.items() if not 0 <= int(column) < len(row)), None
        )
        if beyond is None:
            values = {key: row[int(column)] for key, column in columns.items()}
            yield Record(values, path, number)
        else:
            yield _wrong(
                path,
                number,
                f"`columns.{beyond}` is {columns[beyond]}, but the row has {len(row)} columns, "
                "counted from 0.",
            )


def _rows_by_name(
    rows: Iterator[tuple[int, list[str]]], path: str, columns: Columns
) -> Iterator[Record]:
    header = next(rows, (0, []))[1]
    missing = [f"{key}: {column}" for key, column in columns.items() if column not in header]
    if missing:
        raise ConfigurationError(
            f"{path}, line 1: `columns` names {', '.join(missing)}, but the header has "
            f"{shorten(', '.join(header), 500)}. In a file without header, give column numbers, "
            "counted from 0."
        )
    for number, row in rows:
        if len(row) != len(header):
            wrong = f"{len(row)} columns, but the header has {len(header)}."
            yield _wrong(path, number, wrong)
        elif row == header:
            yield _wrong(path, number, "the header once more; take this line out.")
        else:
            yield _rename_columns(Record(dict(zip(header, row)), path, number), columns)


def _wrong(path: str, number: int, reason: str) -> Record:
    return Record({}, path, number, RecordError(f"{path}, line {number}: {reason}"))


def read_neighbours(path: str, encoding: str = "utf-8") -> Iterator[Record]:
    """Yields each two neighbouring sentences of the documents in a file."""
    for document in read_documents(path, encoding):
        for (number, text), (_, following) in zip(document, document[1:]):
            yield Record({"text": text, "text_pair": following}, path, number)


def begins_list(path: str, encoding: str = "utf-8") -> bool:
    """Tells whether a file is JSON with a list in it, and no record a line."""
    return first_line(path, encoding).startswith("[")


def first_line(path: str, encoding: str = "utf-8") -> str:
    """Gives the first line of a file that is not blank, without white space around it."""
    lines = (line.strip() for _, line in read_lines(path, encoding))
    return next(filter(None, lines), "")


def _rename_columns(record: Record, columns: Columns) -> Record:
    """
    Puts the record under our keys; a column that lends its name to one of ours keeps no second
    name.
    """
    if not columns:
        return record
    for key, column in columns.items():
        if column not in record.values:
            reason = f"{record.location}: no key `{column}`, which `columns.{key}` names."
            return record._replace(error=RecordError(reason))
    taken = set(columns.values())
    values = {key: value for key, value in record.values.items() if key not in taken}
    values.update({key: record.values[str(column)] for key, column in columns.items()})
    return record._replace(values=values)


ROWS = {"tsv": _tsv_rows, "csv": _csv_rows}
READERS: dict[str, Callable[[str, Columns, str], Iterator[Record]]] = {
    "jsonl": _json,
    **{name: partial(_table_file, format=name) for name in ROWS},
    "parquet": partial(_columnar, read=read_parquet),
    "arrow": partial(_columnar, read=read_arrow),
    "datasets": partial(_columnar, read=read_dataset),
    "spacy": _spacy,
    "brat": _brat,
    # Their exports are JSON; `exports` knows what is in it.
    **dict.fromkeys(("doccano", "label_studio", "prodigy"), _json),
}
