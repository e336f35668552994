"""Files opened as text: gzipped or not, with errors that name the file and the line."""

import codecs
import glob
import gzip
import io
import os
import re
import zlib
from contextlib import suppress
from typing import Any, BinaryIO, Iterator, Sequence, TextIO, Union, cast

from allennlp.common.checks import ConfigurationError
from allennlp.common.file_utils import cached_path

GZIP = b"\x1f\x8b"
"""What a gzip file begins with."""
DAMAGED = (EOFError, gzip.BadGzipFile, zlib.error)
"""What reading a gzip file raises that was cut off or changed."""


def expand_paths(paths: Union[str, os.PathLike, Sequence[str]]) -> list[str]:
    """
    Lists the files of a path, which may be a glob such as `data/*.jsonl`, or of a list of such.

    # Raises

    `ConfigurationError` for a glob that no file fits, for an empty list, and for what is no path.
    """
    if isinstance(paths, (list, tuple)):
        if not paths:
            raise ConfigurationError("the list of files to read is empty; expected a path.")
        return [path for each in paths for path in expand_paths(each)]
    if not isinstance(paths, (str, os.PathLike)):
        raise ConfigurationError(f"expected the path of a file, or a list of such; got {paths!r}.")
    path = os.fspath(paths)
    if "://" in path or os.path.exists(path) or not glob.has_magic(path):
        return [path]
    found = sorted(glob.glob(path, recursive=True))
    if not found:
        raise ConfigurationError(f"{path}: no file fits this pattern.")
    return found


def open_text(path: str, encoding: str = "utf-8") -> TextIO:
    """
    Opens a text file, gzipped or not; a line that is not in its encoding raises
    `ConfigurationError`.
    """
    return _DecodedFile(path, local_path(path), encoding)


def open_bytes(path: str) -> BinaryIO:
    """Opens a file for its bytes, gzipped or not."""
    try:
        return _open_binary(local_path(path))
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be read ({error.strerror}).") from error


def local_path(path: str) -> str:
    """Finds a file, or fetches that of a URL; `ConfigurationError` when there is none."""
    try:
        return str(cached_path(path))
    except FileNotFoundError as error:
        raise ConfigurationError(f"{path}: no such file.") from error


class _DecodedFile(io.TextIOWrapper):
    """A text file whose errors of decoding and decompression name the file and the line."""

    def __init__(self, path: str, local: str, encoding: str) -> None:
        try:
            marked = codecs.lookup(encoding).name == "utf-8"
        except LookupError as error:
            raise ConfigurationError(
                f"`encoding`: Python knows no encoding {encoding!r}."
            ) from error
        super().__init__(open_bytes(path), encoding="utf-8-sig" if marked else encoding, newline="")
        self._path, self._local = path, local

    def __next__(self) -> str:  # type: ignore[override]
        try:
            return super().__next__()
        except UnicodeError as error:
            reason = error.reason if isinstance(error, UnicodeDecodeError) else error
            raise ConfigurationError(
                f"{self._path}{self._undecodable_line()}: not "
                f"{self.encoding.removesuffix('-sig')} text "
                f"({reason}); set `dataset_reader.encoding`, for example to latin-1."
            ) from error
        except DAMAGED as error:
            raise gzip_error(self._path, error) from error
        except OSError as error:
            raise ConfigurationError(f"{self._path}: cannot be read ({error.strerror}).") from error

    def _undecodable_line(self) -> str:
        """Counts the lines up to what cannot be decoded; those of a pipe are gone."""
        if not os.path.isfile(self._local):
            return ""
        decoder = codecs.getincrementaldecoder(self.encoding)()
        # It gives every line the same end, and cuts none in two.
        lines, line = io.IncrementalNewlineDecoder(decoder, translate=True), 1
        try:
            with _open_binary(self._local) as file:
                for part in iter(lambda: file.read(1 << 16), b""):
                    line += lines.decode(part).count("\n")
        except UnicodeDecodeError as error:
            with suppress(UnicodeError):
                before = error.object[: error.start].decode(self.encoding, errors="ignore")
                line += len(re.findall("\r\n?|\n", before))
        except (UnicodeError, *DAMAGED):
            pass
        return f", line {line}"


def gzip_error(path: str, error: Exception) -> ConfigurationError:
    """Words what is wrong with a gzip file."""
    return ConfigurationError(f"{path}: the gzip file is damaged ({error}).")


def _open_binary(local: str) -> BinaryIO:
    file = open(local, "rb")
    # What is read of a pipe, such as /dev/stdin, is not there a second time.
    if file.peek(2)[:2] != GZIP:
        return file
    unpacked = gzip.GzipFile(fileobj=file)
    unpacked.myfileobj = cast(Any, file)  # It is closed with it.
    return cast(BinaryIO, unpacked)


def read_lines(path: str, encoding: str = "utf-8") -> Iterator[tuple[int, str]]:
    """Yields the lines of a file with their numbers, counted from 1, without line ends."""
    with open_text(path, encoding) as file:
        for number, line in enumerate(file, 1):
            yield number, line.rstrip("\r\n")
