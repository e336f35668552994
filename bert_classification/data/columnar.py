"""Parquet, Arrow, and the directories of Hugging Face `datasets`: rows out of columns, streamed."""

import importlib
import json
import os
from pathlib import Path
from typing import Any, Iterable, Iterator, Mapping

from allennlp.common.checks import ConfigurationError

from bert_classification.data.files import local_path

ROWS_AT_ONCE = 4096
EXTRA = "pip install 'bert-classification[data]'"

Row = tuple[int, dict[str, Any]]


def is_dataset(path: str) -> bool:
    """Tells whether a directory is one that `save_to_disk` of `datasets` has written."""
    return any(Path(path, name).is_file() for name in ("state.json", "dataset_dict.json"))


def read_parquet(path: str) -> Iterator[Row]:
    """Yields the rows of a Parquet file, each with its number, counted from 1."""
    parquet = import_or_refuse("pyarrow.parquet", path)
    with _readable(path, "Parquet"), parquet.ParquetFile(local_path(path)) as file:
        yield from _rows(file.iter_batches(ROWS_AT_ONCE), file.schema_arrow)


def read_arrow(path: str) -> Iterator[Row]:
    """Yields the rows of an Arrow file, a stream as `datasets` writes it or a file of IPC."""
    pyarrow = import_or_refuse("pyarrow", path)
    with _readable(path, "Arrow"), pyarrow.memory_map(local_path(path)) as source:
        try:
            reader = pyarrow.ipc.open_file(source)
            batches = (reader.get_batch(index) for index in range(reader.num_record_batches))
        except pyarrow.ArrowInvalid:
            source.seek(0)
            reader = batches = pyarrow.ipc.open_stream(source)
        yield from _rows(batches, reader.schema)


def read_dataset(path: str) -> Iterator[Row]:
    """Yields the rows of a directory that `save_to_disk` of `datasets` has written."""
    datasets = import_or_refuse("datasets", path)
    if not os.path.isdir(path) or not is_dataset(path):
        raise ConfigurationError(
            f"{path}: no directory that `save_to_disk` of `datasets` has written; expected "
            "`state.json` in it."
        )
    with _readable(path, "`datasets`"):
        dataset = datasets.load_from_disk(path)
        if isinstance(dataset, datasets.DatasetDict):
            splits = ", ".join(f"{path.rstrip('/')}/{name}" for name in dataset)
            raise ConfigurationError(
                f"{path}: the directory of several splits; name one: {splits}."
            )
        tables = dataset.with_format("arrow").iter(ROWS_AT_ONCE)
        batches = (batch for table in tables for batch in table.to_batches())
        yield from _rows(batches, dataset.features.arrow_schema)


def import_or_refuse(name: str, path: str) -> Any:
    """Imports what a file needs; `ConfigurationError` that names the extra where it is missing."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ConfigurationError(f"{path} needs {name.partition('.')[0]}: {EXTRA}.") from error


class _readable:
    """Words what pyarrow and `datasets` raise of a file that is not what it should be."""

    def __init__(self, path: str, kind: str) -> None:
        self._path, self._kind = path, kind

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: Any, traceback: Any) -> None:
        if isinstance(error, (OSError, ValueError)) and not isinstance(error, ConfigurationError):
            reason = " ".join(str(error).split())[:200]
            raise ConfigurationError(
                f"{self._path}: cannot be read as {self._kind} ({reason})."
            ) from error


def _rows(batches: Iterable[Any], schema: Any) -> Iterator[Row]:
    names_of_labels = _label_names(schema)
    foreign = {field.name for field in schema if not _is_json(field.type)}
    number = 0
    for batch in batches:
        columns = []
        for name, column in zip(batch.schema.names, batch.columns):
            values = column.to_pylist()
            if name in names_of_labels:
                values = [_named(each, names_of_labels[name]) for each in values]
            elif name in foreign:
                values = [_as_json(each) for each in values]
            columns.append(values)
        names = batch.schema.names
        for row in zip(*columns):
            number += 1
            yield number, dict(zip(names, row))


def _label_names(schema: Any) -> Mapping[str, list[str]]:
    """Finds the names that `datasets` keeps beside columns of label ids."""
    found = (schema.metadata or {}).get(b"huggingface")
    features = json.loads(found).get("info", {}).get("features", {}) if found else {}
    inner = {
        name: feature.get("feature", feature)
        for name, feature in features.items()
        if isinstance(feature, dict)
    }
    return {
        name: feature["names"]
        for name, feature in inner.items()
        if isinstance(feature, dict) and feature.get("_type") == "ClassLabel"
    }


def _named(value: Any, names: list[str]) -> Any:
    if isinstance(value, list):
        return [_named(each, names) for each in value]
    # -1 is what `datasets` has for no label.
    return names[value] if isinstance(value, int) and 0 <= value < len(names) else None


def _is_json(kind: Any) -> bool:
    """Tells whether the values of a type of Arrow are JSON as they come."""
    types = importlib.import_module("pyarrow.types")
    if types.is_struct(kind):
        return all(_is_json(field.type) for field in kind)
    if types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
        return _is_json(kind.value_type)
    if types.is_dictionary(kind):
        return _is_json(kind.value_type)
    plain = (types.is_string, types.is_large_string, types.is_integer, types.is_floating)
    return any(is_it(kind) for is_it in (*plain, types.is_boolean, types.is_null))


def _as_json(value: Any) -> Any:
    """Writes dates, decimals, bytes and the like as text, at any depth."""
    return json.loads(json.dumps(value, default=str))
