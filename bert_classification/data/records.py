"""
Files to records: JSON lines, TSV, CSV, plain lines; each record knows the file and line it came
from.
"""

import csv
import json
from pathlib import Path
from typing import Any, Iterator, Mapping, NamedTuple, Optional, TextIO, Union

from allennlp.common.checks import ConfigurationError

from bert_classification.archives.nesting import MAX_DEPTH, is_too_deep
from bert_classification.data.files import open_text
from bert_classification.data.json_values import MAX_DIGITS, describe, shorten

FORMATS = {".jsonl": "jsonl", ".json": "jsonl", ".ndjson": "jsonl", ".tsv": "tsv", ".csv": "csv"}

MAX_MESSAGE = 1500
"""Characters of a message about a record."""

Columns = Mapping[str, Union[str, int]]


class Record(NamedTuple):
    """The keys and values of one example, and the location they were read from."""

    values: dict[str, Any]
    file: str
    line: int

    @property
    def location(self) -> str:
        return f"{self.file}, line {self.line}"


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
    """
    Yields the records of a file, gzipped or not.

    # Parameters

    path : `str`
        A file, or a URL that `cached_path` understands.
    format : `str`, optional
        `jsonl`, `tsv` or `csv`; by default what the file's extension says, before a `.gz`.
    columns : `Mapping[str, Union[str, int]]`, optional
        From our key to the file's column name, or to its number, counted from 0, in a file without
        header.
    encoding : `str`, optional (default = `utf-8`)
        A byte-order mark is dropped.

    # Raises

    `ConfigurationError` that names file and line, when the file is empty or not in its format.
    """
    readers = {"jsonl": _json_lines, "tsv": _tsv, "csv": _csv}
    name = format or guess_format(path)
    if name not in readers:
        raise ConfigurationError(
            f"{path}: cannot tell the format {format or 'from the extension'}; "
            f"set `dataset_reader.format` to one of {', '.join(readers)}."
        )
    empty = True
    with open_text(path, encoding) as file:
        for record in readers[name](file, path, columns or {}):
            empty = False
            yield record
    if empty:
        raise ConfigurationError(f"{path}: no record in this file; expected {name} data.")


def guess_format(path: str, formats: Mapping[str, str] = FORMATS) -> Optional[str]:
    """
    Tells the format that the file's extension stands for, a final `.gz` aside; `None` when it is
    unknown.
    """
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


def load_json(text: str, location: str) -> Any:
    """
    Reads a JSON value.

    # Raises

    `json.JSONDecodeError`; and `RecordError` that begins with `location`, for JSON that is valid
    but that nobody could write again: nested too deeply, or with a number of thousands of digits.
    """
    too_deep = f"{location}: JSON nested too deeply; expected at most {MAX_DEPTH} levels."
    try:
        value = json.loads(text)
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


def _json_lines(file: TextIO, path: str, columns: Columns) -> Iterator[Record]:
    for number, line in enumerate(file, 1):
        if not line.isspace():
            values = parse_json_line(line, f"{path}, line {number}")
            yield _rename_columns(Record(values, path, number), columns)


def _tsv(file: TextIO, path: str, columns: Columns) -> Iterator[Record]:
    return _table(_tsv_rows(file, path), path, columns)


def _csv(file: TextIO, path: str, columns: Columns) -> Iterator[Record]:
    return _table(_csv_rows(file, path), path, columns)


def read_rows(path: str, format: str, encoding: str = "utf-8") -> Iterator[list[str]]:
    """Yields all rows of a file, `tsv` or `csv`, a header among them if it has one."""
    with open_text(path, encoding) as file:
        rows = {"tsv": _tsv_rows, "csv": _csv_rows}[format](file, path)
        yield from (row for _, row in rows)


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
        for key, column in columns.items():
            if not 0 <= int(column) < len(row):
                raise ConfigurationError(
                    f"{path}, line {number}: `columns.{key}` is {column}, but the row has "
                    f"{len(row)} columns, counted from 0."
                )
        yield Record({key: row[int(column)] for key, column in columns.items()}, path, number)


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
            raise ConfigurationError(
                f"{path}, line {number}: {len(row)} columns, but the header has {len(header)}."
            )
        yield _rename_columns(Record(dict(zip(header, row)), path, number), columns)


def _rename_columns(record: Record, columns: Columns) -> Record:
    """
    Puts the record under our keys; a column that lends its name to one of ours keeps no second
    name.
    """
    if not columns:
        return record
    for key, column in columns.items():
        if column not in record.values:
            raise RecordError(f"{record.location}: no key `{column}`, which `columns.{key}` names.")
    taken = set(columns.values())
    values = {key: value for key, value in record.values.items() if key not in taken}
    values.update({key: record.values[str(column)] for key, column in columns.items()})
    return record._replace(values=values)
