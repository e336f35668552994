"""Files of vectors: written row by row, so that memory does not grow with their number."""

import importlib.util
import os
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Iterator, NamedTuple, Optional, Sequence

import numpy
from allennlp.common.checks import ConfigurationError
from numpy.lib import format as npy

from bert_classification.archives.whole_files import replace_file
from bert_classification.commands.output import unwritable
from bert_classification.data.json_values import dump_json

FORMATS = (".npy", ".parquet", ".jsonl")


class Row(NamedTuple):
    """
    What is written of a line of the input: its number, what is carried over of its record, its
    vector, or the reason why it has none.
    """

    line: int
    carried: dict[str, Any]
    vector: Optional[numpy.ndarray]
    error: Optional[str] = None


def check_path(path: str, pooling: Optional[str]) -> None:
    """Raises `ConfigurationError` for a file of vectors that cannot be written."""
    suffix = Path(path).suffix
    if suffix not in FORMATS:
        raise ConfigurationError(f"{path}: expected a name that ends in {', '.join(FORMATS)}.")
    if suffix == ".parquet" and importlib.util.find_spec("pyarrow") is None:
        raise ConfigurationError(
            f"{path} needs pyarrow: pip install 'bert-classification[parquet]'."
        )
    if pooling == "tokens" and suffix != ".jsonl":
        raise ConfigurationError(
            f"{path}: with the pooling `tokens` a text has many vectors; name a file .jsonl."
        )
    parent = Path(path).absolute().parent
    if Path(path).is_dir() or not parent.is_dir() or not os.access(parent, os.W_OK):
        raise ConfigurationError(
            f"{path}: cannot be written; expected the name of a file in a directory that is there."
        )


@contextmanager
def open_vectors(path: str, width: int) -> Iterator[Any]:
    """
    Opens a file of vectors of so many numbers, by its extension; it gets its name when it is
    complete.

    # Raises

    `OutputError` when it takes no more.
    """
    writers: dict[str, Any] = {".npy": NpyFile, ".parquet": ParquetFile, ".jsonl": JsonLinesFile}
    try:
        with replace_file(path) as aside:
            vectors = writers[Path(path).suffix](aside, width)
            try:
                yield vectors
            finally:
                vectors.close()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise unwritable(path, error) from error


class NpyFile:
    """A matrix of float32 for `numpy.load`, a row for each line; NaN where there is no vector."""

    def __init__(self, path: Path, width: int) -> None:
        self._file = open(path, "wb")
        self._width, self._rows = width, 0
        self._write_header()

    def write(self, rows: Sequence[Row]) -> None:
        matrix = numpy.full((len(rows), self._width), numpy.nan, dtype=numpy.float32)
        for place, row in enumerate(rows):
            if row.vector is not None:
                matrix[place] = row.vector
        self._file.write(matrix.tobytes())
        self._rows += len(rows)

    def close(self) -> None:
        # numpy leaves room in the header for a longer first axis.
        self._file.seek(0)
        self._write_header()
        self._file.close()

    def _write_header(self) -> None:
        shape = (self._rows, self._width)
        header = {"descr": "<f4", "fortran_order": False, "shape": shape}
        npy.write_array_header_1_0(self._file, header)


class JsonLinesFile:
    """A line for each line: the record without its text, and `embedding`, or `error`."""

    def __init__(self, path: Path, width: int) -> None:
        self._file = open(path, "w", encoding="utf-8", errors="backslashreplace")

    def write(self, rows: Sequence[Row]) -> None:
        for row in rows:
            vector = None if row.vector is None else row.vector.tolist()
            failed = {} if row.error is None else {"error": row.error, "line": row.line}
            self._file.write(dump_json({**row.carried, "embedding": vector, **failed}) + "\n")

    def close(self) -> None:
        self._file.close()


class ParquetFile:
    """The columns `line`, `embedding`, a list of float32 or null, and `error`."""

    def __init__(self, path: Path, width: int) -> None:
        import pyarrow
        from pyarrow import parquet

        self._arrow = pyarrow
        self._schema = pyarrow.schema(
            {
                "line": pyarrow.int64(),
                "embedding": pyarrow.list_(pyarrow.float32(), width),
                "error": pyarrow.string(),
            }
        )
        self._writer = parquet.ParquetWriter(path, self._schema)

    def write(self, rows: Sequence[Row]) -> None:
        columns = [
            [row.line for row in rows],
            [row.vector for row in rows],
            [row.error for row in rows],
        ]
        table = [self._arrow.array(each, kind.type) for each, kind in zip(columns, self._schema)]
        self._writer.write_table(self._arrow.Table.from_arrays(table, schema=self._schema))

    def close(self) -> None:
        self._writer.close()
