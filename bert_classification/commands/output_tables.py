"""What `allennlp predict` has written as JSON lines, as CSV, Parquet or CoNLL columns."""

import csv
import json
from pathlib import Path
from typing import Any, Callable, Iterator, Optional

from allennlp.common.checks import ConfigurationError
from allennlp.common.util import lazy_groups_of

from bert_classification.archives.whole_files import replace_file
from bert_classification.commands.output import unwritable
from bert_classification.data.columnar import import_or_refuse
from bert_classification.data.json_values import dump_json

FORMATS = ("jsonl", "csv", "parquet", "conll")
EXTENSIONS = {".csv": "csv", ".parquet": "parquet", ".conll": "conll"}
ROWS_AT_ONCE = 1000
ERRORS = ("error", "line")

Output = dict[str, Any]


def find_output_format(path: Optional[str], asked: Optional[str]) -> str:
    """Tells the format of an output, as asked for or by its extension."""
    return asked or EXTENSIONS.get(Path(path or "").suffix.lower(), "jsonl")


def convert_lines(lines: str, path: str, format: str, to_conll: Callable[[Output], str]) -> None:
    """
    Writes a file of JSON lines in another format, aside until it is complete.

    # Raises

    `OutputError` when it takes no more.
    """
    try:
        with replace_file(path) as aside:
            if format == "csv":
                _write_csv(lines, aside)
            elif format == "parquet":
                _write_parquet(lines, aside, path)
            else:
                _write_conll(lines, aside, to_conll)
    except OSError as error:
        raise unwritable(path, error) from error


def _outputs(lines: str) -> Iterator[Output]:
    with open(lines, encoding="utf-8") as file:
        yield from map(json.loads, file)


def _keys(lines: str) -> list[str]:
    """Lists the keys that outputs have, those of errors at the end."""
    keys = dict.fromkeys(key for output in _outputs(lines) for key in output)
    return sorted(keys, key=ERRORS.__contains__)


def _write_csv(lines: str, path: Path) -> None:
    keys = _keys(lines)
    with open(path, "w", encoding="utf-8", errors="backslashreplace", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(keys)
        for output in _outputs(lines):
            writer.writerow([_cell(output.get(key)) for key in keys])


def _cell(value: Any) -> str:
    """A text as it stands, nothing for null, and JSON of all else."""
    return "" if value is None else value if isinstance(value, str) else dump_json(value)


def _write_conll(lines: str, path: Path, to_conll: Callable[[Output], str]) -> None:
    with open(path, "w", encoding="utf-8", errors="backslashreplace") as file:
        for output in _outputs(lines):
            file.write(to_conll(output))


def _write_parquet(lines: str, path: Path, named: str) -> None:
    pyarrow = import_or_refuse("pyarrow", named)
    parquet = import_or_refuse("pyarrow.parquet", named)
    kinds = _parquet_types(pyarrow, lines)
    schema = pyarrow.schema(
        {key: pyarrow.string() if kind is None else kind for key, kind in kinds.items()}
    )
    with parquet.ParquetWriter(path, schema) as writer:
        for group in lazy_groups_of(_outputs(lines), ROWS_AT_ONCE):
            columns = [
                pyarrow.array(_column(group, key, kinds[key] is None), schema.field(key).type)
                for key in kinds
            ]
            writer.write_table(pyarrow.Table.from_arrays(columns, schema=schema))


def _column(outputs: list[Output], key: str, as_json: bool) -> list[Any]:
    values = [output.get(key) for output in outputs]
    return [_cell(value) or None for value in values] if as_json else values


def _parquet_types(pyarrow: Any, lines: str) -> dict[str, Any]:
    """
    Finds the type of each key, for all outputs; `None` where they have several, and the values are
    written as JSON.
    """
    kinds: dict[str, Any] = dict.fromkeys(_keys(lines), pyarrow.null())
    for group in lazy_groups_of(_outputs(lines), ROWS_AT_ONCE):
        for key in kinds:
            if kinds[key] is not None:
                kinds[key] = _joined(pyarrow, kinds[key], _column(group, key, False))
    return kinds


def _joined(pyarrow: Any, kind: Any, values: list[Any]) -> Any:
    try:
        schemas = [pyarrow.schema({"": each}) for each in (kind, pyarrow.array(values).type)]
        joined = pyarrow.unify_schemas(schemas, promote_options="permissive").field("").type
    except (pyarrow.ArrowException, OverflowError, TypeError, ValueError):
        return None
    # Parquet has no struct without fields.
    return None if "struct<>" in str(joined) else joined


def check_output(path: Optional[str], format: str, is_stream: bool, writes_tags: bool) -> None:
    """Raises `ConfigurationError` for a format that an output cannot have."""
    if format == "jsonl":
        return
    if not path or is_stream:
        raise ConfigurationError(
            f"`--output-format {format}` is made of all records at the end; name a file with "
            "`--output-file`."
        )
    if format == "conll" and not writes_tags:
        raise ConfigurationError(
            "`--output-format conll`: this task gives no words with tags; expected jsonl, csv or "
            "parquet."
        )
    if format == "parquet":
        import_or_refuse("pyarrow", path)
