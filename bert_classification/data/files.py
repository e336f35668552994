"""Files opened as text: gzipped or not, with errors that name the file and the line."""

import gzip
import io
import zlib
from typing import BinaryIO, Iterator, TextIO, cast

from allennlp.common.checks import ConfigurationError
from allennlp.common.file_utils import cached_path


def open_text(path: str, encoding: str = "utf-8") -> TextIO:
    """
    Opens a text file, gzipped or not; a line that is not in its encoding raises
    `ConfigurationError`.
    """
    try:
        local = cached_path(path)
    except FileNotFoundError as error:
        raise ConfigurationError(f"{path}: no such file.") from error
    return _DecodedFile(path, local, encoding)


class _DecodedFile(io.TextIOWrapper):
    """A text file whose errors of decoding and decompression name the file and the line."""

    def __init__(self, path: str, local: str, encoding: str) -> None:
        marked = encoding.lower().replace("_", "-") in ("utf-8", "utf8")
        try:
            super().__init__(
                _open_binary(local), encoding="utf-8-sig" if marked else encoding, newline=""
            )
        except LookupError as error:
            raise ConfigurationError(
                f"`encoding`: Python knows no encoding {encoding!r}."
            ) from error
        self._path, self._local = path, local

    def __next__(self) -> str:  # type: ignore[override]
        try:
            return super().__next__()
        except UnicodeDecodeError as error:
            raise ConfigurationError(
                f"{self._path}, line {self._undecodable_line()}: not {self.encoding} text "
                f"({error.reason}); set `dataset_reader.encoding`, for example to latin-1."
            ) from error
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise ConfigurationError(
                f"{self._path}: the gzip file is damaged ({error})."
            ) from error

    def _undecodable_line(self) -> int:
        number = 0
        with _open_binary(self._local) as lines:
            for number, line in enumerate(lines, 1):  # noqa: B007
                try:
                    line.decode(self.encoding)
                except UnicodeDecodeError:
                    break
        return number


def _open_binary(local: str) -> BinaryIO:
    with open(local, "rb") as start:
        gzipped = start.read(2) == b"\x1f\x8b"
    return cast(BinaryIO, gzip.open(local, "rb")) if gzipped else open(local, "rb")


def read_lines(path: str, encoding: str = "utf-8") -> Iterator[tuple[int, str]]:
    """Yields the lines of a file with their numbers, counted from 1, without line ends."""
    with open_text(path, encoding) as file:
        for number, line in enumerate(file, 1):
            yield number, line.rstrip("\r\n")
