"""
Taking an archive apart without trusting it: regular files under plain relative names, counted and
measured while they are read.

`tarfile.extractall` follows links, writes outside of the directory, and unpacks a bomb to its end.
"""

import gzip
import tarfile
import zlib
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, Iterator, Mapping, cast

from allennlp.common.checks import ConfigurationError

MAX_MEMBERS = 1_000
MAX_BYTES = 4 * 2**30
"""Of all members together; BERT-large in float32 has 1.3 GiB."""
MAX_RATIO = 50
"""Of all members together to the archive; weights hardly become smaller, text becomes a tenth."""
FREE_BYTES = 2**28
"""What an archive may unpack to whatever its ratio."""
MAX_READ = 2**16
"""Of the tar's own headers, which are read at once; members are read in parts of this size."""

_KINDS = {
    tarfile.SYMTYPE: "a symbolic link",
    tarfile.LNKTYPE: "a hard link",
    tarfile.CHRTYPE: "a device",
    tarfile.BLKTYPE: "a device",
    tarfile.FIFOTYPE: "a named pipe",
}


class InvalidArchiveError(ConfigurationError):
    """Why something is not opened; who raises it need not know the name of the archive."""


@contextmanager
def prefix_errors(archive: object, done: str = "opened") -> Iterator[None]:
    """Puts the name of an archive before the reason why it is not opened, or whatever is done."""
    try:
        yield
    except InvalidArchiveError as error:
        raise ConfigurationError(f"{archive} is not {done}: {error}") from error


@contextmanager
def naming(names: Mapping[str, object]) -> Iterator[None]:
    """Lets an error name what the user knows in the place of a file or directory of ours."""
    try:
        yield
    except ConfigurationError as error:
        text = str(error)
        for inner, known in names.items():
            text = text.replace(inner, str(known))
        if text == str(error):
            raise
        raise type(error)(text) from error


@contextmanager
def explain_failure(part: str) -> Iterator[None]:
    """Makes a refusal of whatever a part of an archive makes the libraries raise."""
    try:
        yield
    except InvalidArchiveError:
        raise
    except ConfigurationError as error:
        raise InvalidArchiveError(" ".join(str(error).split())) from error
    except Exception as error:  # Damaged settings have no end of ways to fail.
        reason = describe_error(error)
        raise InvalidArchiveError(f"{part} is damaged, or cannot be built ({reason}).") from error


def describe_error(error: Exception) -> str:
    """Gives the kind of an error and the first line of its message, shortened."""
    first = next(iter(str(error).strip().splitlines()), "")
    return f"{type(error).__name__}: {first[:300]}" if first else type(error).__name__


def extract(archive: Path, directory: Path) -> None:
    """
    Writes the members of a `tar.gz` into an empty directory.

    # Raises

    `InvalidArchiveError` when it is not a gzipped tar, ends too early, is damaged, holds anything
    but files and directories under plain relative names, more than `MAX_MEMBERS` or `MAX_BYTES`,
    or, above `FREE_BYTES`, more than `MAX_RATIO` times its own size.
    """
    limit = min(MAX_BYTES, max(FREE_BYTES, MAX_RATIO * archive.stat().st_size))
    try:
        with gzip.open(archive) as stream:
            measured = _Measured(cast(BinaryIO, stream), limit)
            with tarfile.open(fileobj=cast(BinaryIO, measured), mode="r:") as tar:
                for members, member in enumerate(tar, 1):
                    if members > MAX_MEMBERS:
                        raise InvalidArchiveError(f"it has more than {MAX_MEMBERS} members.")
                    _extract_member(tar, member, directory)
            # What follows the last member says whether all before it arrived as it was written.
            while measured.read(MAX_READ):
                pass
    except EOFError:
        raise InvalidArchiveError(
            "it ends too early; it was not copied or downloaded whole."
        ) from None
    except gzip.BadGzipFile as error:
        raise InvalidArchiveError(f"it is not a tar.gz, or is damaged ({error}).") from None
    except (tarfile.TarError, zlib.error, RecursionError, ValueError, OverflowError) as error:
        raise InvalidArchiveError(f"it is no tar inside, or is damaged ({error}).") from None


def require(path: Path, name: str) -> None:
    if not path.is_file():
        raise InvalidArchiveError(f"{name} is missing.")


def _extract_member(tar: tarfile.TarFile, member: tarfile.TarInfo, directory: Path) -> None:
    path = directory / _check_name(member.name)
    try:
        if member.isdir():
            path.mkdir(parents=True, exist_ok=True)
            return
        regular = member.type in (tarfile.REGTYPE, tarfile.AREGTYPE) and not member.issparse()
        if not regular:
            kind = _KINDS.get(member.type, "a file of a special kind")
            raise InvalidArchiveError(
                f"its member {member.name!r} is {kind}; only plain files are extracted."
            )
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "xb") as written:
            contents = cast(Any, tar.extractfile(member))
            # Not through its buffer, which is as large as Python likes: 128 KiB in 3.14.
            while part := contents.raw.read(MAX_READ):
                written.write(part)
    except (FileExistsError, NotADirectoryError):
        raise InvalidArchiveError(
            f"its member {member.name!r} takes the place of another one."
        ) from None


def _check_name(name: str) -> PurePosixPath:
    path = PurePosixPath(name)
    plain = (
        part.isprintable() and part != ".." and not set("\\:") & {*part} for part in path.parts
    )
    if path.is_absolute() or not all(plain) or len(name) > 255:
        raise InvalidArchiveError(f"its member {name!r} does not have a plain relative name.")
    return path


class _Measured:
    """A stream that `tarfile` can read, only forward, up to a limit, in small parts."""

    def __init__(self, stream: BinaryIO, limit: int) -> None:
        self._stream = stream
        self._limit = limit

    def read(self, size: int) -> bytes:
        if not 0 <= size <= MAX_READ:
            raise InvalidArchiveError(
                f"it has a header of {size} bytes or more; expected at most {MAX_READ}."
            )
        part = self._stream.read(size)
        self._check(self.tell())
        return part

    def seek(self, position: int) -> None:
        if position < self.tell():
            raise InvalidArchiveError(
                "it is damaged: a member is said to begin before another one ends."
            )
        self._check(position)
        self._stream.seek(position)

    def tell(self) -> int:
        return self._stream.tell()

    def _check(self, position: int) -> None:
        if position > self._limit:
            raise InvalidArchiveError(
                f"it unpacks to more than {self._limit} bytes (see `MAX_BYTES` and `MAX_RATIO` in "
                "bert_classification.archives.extraction)."
            )
