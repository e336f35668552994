"""
The records that `allennlp predict` reads: lines of JSON or of text, and every file that trains,
with the columns that the training had.
"""

import copy
import json
import os
from itertools import islice
from pathlib import Path
from typing import Any, Iterator, Mapping, Optional, Union

from allennlp.common.checks import ConfigurationError

from bert_classification.commands.json_lines import Line, parse_line
from bert_classification.data.exports import from_tool
from bert_classification.data.records import (
    ROWS,
    Columns,
    Record,
    RecordError,
    first_line,
    guess_format,
    read_rows,
    records_or_errors,
)
from bert_classification.predictor import BertPredictor
from bert_classification.reader import BertReader

SNIFFED = (None, "conll", "text", "documents")
"""The formats of extensions under which JSON lines may stand as well."""


def find_format(predictor: BertPredictor, path: str, asked: Optional[str]) -> Optional[str]:
    """Tells the format of an input; `None` for JSON lines, which a pipe has unless it is said."""
    if asked not in (None, "json"):
        return asked
    if path == "-" or os.path.exists(path) and not (os.path.isfile(path) or os.path.isdir(path)):
        return None
    reader = predictor._dataset_reader
    known = isinstance(reader, BertReader)
    format = (
        "jsonl" if asked else guess_format(path, reader.formats) if known else guess_format(path)
    )
    if format in SNIFFED and os.path.isfile(path) and first_line(path).startswith(("{", "[")):
        format = "jsonl"
    if format == "jsonl":
        return "jsonl" if _has_no_lines(path) else None
    return format or (reader.format or reader.plain_format if known else None)


def _has_no_lines(path: str) -> bool:
    """
    Whether JSON is the reader's: all under `.json`, and a list. A line of other JSON lines may be a
    list by mistake.
    """
    if ".json" in Path(path).suffixes[-2:]:
        return True
    line = first_line(path) if os.path.isfile(path) else ""
    try:
        return line.startswith("[") and not isinstance(json.loads(line), list)
    except (RecursionError, ValueError):
        return True


def read_inputs(predictor: BertPredictor, path: str, format: str) -> Iterator[Line]:
    """Yields the records of a file in a format of training."""
    reader: Any = predictor._dataset_reader
    columns = (reader.columns or {}) if isinstance(reader, BertReader) else {}
    if isinstance(reader, BertReader):
        reader = copy.copy(reader)
        reader.format = format
        reader.columns = _columns_of(predictor, path, format, columns)
        records = reader.records_to_predict(path)
    else:
        found = records_or_errors(path, format)
        records = (each for record in found for each in from_tool(record, format))
    for number, record in enumerate(records, 1):
        number = record.line or number
        if record.error is not None:
            yield Line(number, "", record.error)
        else:
            yield Line(number, "", values=under_keys(record.values, columns, predictor.gold_key))


def _columns_of(
    predictor: BertPredictor, path: str, format: str, columns: Columns
) -> Optional[Columns]:
    """
    Gives the columns to read by their numbers. A table that has a header with a key of the task has
    others, and none has to have the gold value.
    """
    if format == "conll":
        return columns or None
    if format not in ROWS or not columns or not all(type(c) is int for c in columns.values()):
        return None
    row: list[str] = next(islice(read_rows(path, format), 1), []) if os.path.isfile(path) else []
    if set(row) & set(predictor.input_keys):
        return None
    return {key: column for key, column in columns.items() if not row or int(column) < len(row)}


def under_keys(values: dict[str, Any], columns: Columns, gold_key: str) -> dict[str, Any]:
    """
    Puts a record under our keys by the names that its columns had in training. One that lacks them
    has the keys of the task, and only what is missing is looked for.
    """
    named = {key: column for key, column in columns.items() if isinstance(column, str)}
    as_trained = all(column in values for key, column in named.items() if key != gold_key)
    found = {
        key: column
        for key, column in named.items()
        if column in values and (as_trained or key not in values)
    }
    if not found:
        return values
    kept = {key: value for key, value in values.items() if key not in found.values()}
    return {**kept, **{key: values[column] for key, column in found.items()}}


def parse_record(
    line: Line, columns: Optional[Columns], gold_key: str
) -> Union[dict[str, Any], RecordError]:
    """Reads the record of a line of JSON, which may be one of another tool."""
    values = parse_line(line)
    if isinstance(values, RecordError) or line.values is not None:
        return values
    found = list(from_tool(Record(values, "the input", line.number)))
    if len(found) != 1:
        return RecordError("the line holds several documents; give them in a file `.json`.")
    return found[0].error or under_keys(found[0].values, columns or {}, gold_key)


def check_format(predictor: BertPredictor, format: Optional[str]) -> None:
    """Raises `ConfigurationError` for a format that the task has not."""
    known: Mapping[str, Any] = getattr(predictor._dataset_reader, "formats", {})
    own = {"conll", "squad", "documents", "race"} - {*known.values(), plain_format(predictor)}
    if format in own:
        raise ConfigurationError(
            f"`--input-format {format}`: the reader of this model, "
            f"{type(predictor._dataset_reader).__name__}, reads no such files."
        )


def plain_format(predictor: BertPredictor) -> Optional[str]:
    return getattr(predictor._dataset_reader, "plain_format", None)
