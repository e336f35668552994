"""
The file that `allennlp predict` writes: whole lines, and what an earlier run wrote stays until they
are complete.
"""

import io
import logging
import os
import shutil
import stat
import sys
from contextlib import contextmanager, suppress
from typing import Iterator, Optional

logger = logging.getLogger(__name__)


class OutputError(Exception):
    """An output takes no more, or cannot be opened; the message is a sentence with its name."""


class WholeLines:
    """
    Writes each text whole or, in a regular file, not at all.

    # Parameters

    raw : `io.RawIOBase`
        What is written to; nothing is held back.
    path : `str`
        Its name in messages.
    done : `int`, optional (default = `0`)
        How many lines an earlier run has written.
    """

    def __init__(self, raw: io.RawIOBase, path: str, done: int = 0) -> None:
        self._raw = raw
        self._path = path
        self.done = done

    def write(self, text: str) -> None:
        """
        Writes a text as UTF-8.

        # Raises

        `OutputError` when there is no room, for example; `BrokenPipeError` when nobody reads any
        more.
        """
        # What UTF-8 cannot hold becomes an escape, which JSON reads.
        data = memoryview(text.encode(errors="backslashreplace"))
        written = 0
        try:
            while written < len(data):
                written += self._raw.write(data[written:]) or 0
        except BrokenPipeError:
            raise
        except OSError as error:
            self._take_back(written)
            raise unwritable(self._path, error) from error

    def close(self) -> None:
        self._raw.close()

    def _take_back(self, written: int) -> None:
        # Pipes and devices have no way back.
        with suppress(OSError):
            self._raw.truncate(self._raw.tell() - written)


def unwritable(path: str, error: OSError) -> OutputError:
    """Words why a file or the console takes no more."""
    return OutputError(f"{path}: cannot be written ({error.strerror}).")


@contextmanager
def open_output(path: Optional[str], resume: bool = False) -> Iterator[Optional[WholeLines]]:
    """
    Opens the output of a run. A regular file is written aside, as `<path>.partial`, and gets its
    name at the end; after an error or an interruption it stays under that one, and the log says so.
    A pipe, a device or where standard output goes is written as lines come.

    # Parameters

    path : `str`, optional
        Nothing is opened without it.
    resume : `bool`, optional (default = `False`)
        Go on behind the whole lines that an interrupted run has left; half a line is cut off.

    # Raises

    `OutputError` when it cannot be opened.
    """
    if not path:
        yield None
        return
    if is_stream(path):
        with _open(path, path) as raw:
            yield WholeLines(raw, path)
        return
    aside = aside_of(path)
    done = cut_half_line(aside, path) if resume else 0
    try:
        with _open(aside, path, "a" if resume else "w") as raw:
            yield WholeLines(raw, path, done)
    except BaseException:
        _keep_or_remove(aside, path)
        raise
    _take_place(aside, path)


def cut_half_line(aside: str, path: str) -> int:
    """Counts the whole lines of a file, if it is there, and cuts off what is behind the last."""
    lines, whole = 0, 0
    try:
        with open(aside, "r+b") as file:
            for line in file:
                if line.endswith(b"\n"):
                    lines, whole = lines + 1, whole + len(line)
            file.truncate(whole)
    except FileNotFoundError:
        pass
    except OSError as error:
        raise unwritable(path, error) from error
    return lines


def aside_of(path: str) -> str:
    """Names the file that is written until an output is complete; of a link, beside its target."""
    return f"{os.path.realpath(path)}.partial"


def _take_place(aside: str, path: str) -> None:
    target = os.path.realpath(path)
    try:
        if os.path.exists(target):
            shutil.copymode(target, aside)
        os.replace(aside, target)
    except OSError as error:
        raise unwritable(path, error) from error


def is_stream(path: str) -> bool:
    """Tells whether a path is no regular file, or is the file that standard output goes to."""
    if not os.path.exists(path):
        return False
    found = os.stat(path)
    return not stat.S_ISREG(found.st_mode) or _is_standard_output(found)


def is_same_file(one: Optional[str], other: Optional[str]) -> bool:
    """Tells whether two paths name one regular file, by any of its names; `-` is standard input."""
    if not one or not other:
        return False
    try:
        first, second = (os.fstat(0) if each == "-" else os.stat(each) for each in (one, other))
    except OSError:
        return False
    return stat.S_ISREG(first.st_mode) and os.path.samestat(first, second)


def _is_standard_output(found: os.stat_result) -> bool:
    try:
        return os.path.samestat(found, os.fstat(1))
    except OSError:
        return False


def _open(path: str, named: str, mode: str = "w") -> io.FileIO:
    try:
        if os.path.exists(path) and _is_standard_output(os.stat(path)):
            # The position is shared with what else is printed, and nothing is emptied.
            sys.stdout.flush()
            return io.FileIO(os.dup(1), "w")
        return io.FileIO(path, mode)
    except OSError as error:
        raise unwritable(named, error) from error


def _keep_or_remove(aside: str, path: str) -> None:
    if not os.path.exists(aside):
        return
    if os.path.getsize(aside):
        logger.warning("%s is not complete; what was written is in %s.", path, aside)
    else:
        os.remove(aside)
