"""
Files that are there only when they are whole: written aside, brought to the disk, and renamed. A
kill or a full disk leaves what was there before.
"""

import hashlib
import inspect
import logging
import os
import pickle
import zipfile
from contextlib import contextmanager, suppress
from functools import wraps
from pathlib import Path
from typing import Any, BinaryIO, Callable, Iterator, Optional, Union

import torch

logger = logging.getLogger(__name__)

PARTIAL = ".partial"
"""What the name of a file ends in while it is written."""

SIZE, BLOCK = 32, 1 << 20
"""Of a SHA-256, and of what is read of a file at once, in bytes."""


@contextmanager
def replace_file(path: Union[str, os.PathLike]) -> Iterator[Path]:
    """
    Gives the name of a file to write, which takes the place of `path` when nothing was raised.

    # Raises

    `OSError`, as the writing raises it, with what was there before still in its place.
    """
    target = Path(path)
    aside = target.with_name(target.name + PARTIAL)
    aside.unlink(missing_ok=True)
    try:
        yield aside
        _sync(aside)
        os.replace(aside, target)
        _sync(target.parent)
    except BaseException:
        aside.unlink(missing_ok=True)
        logger.error("%s is not written; what was there before is unchanged", target)
        raise


def _sync(path: Path) -> None:
    """Brings a file, or the names in a directory, to the disk, where the system knows how."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        with suppress(PermissionError):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def save_whole(state: Any, path: Union[str, os.PathLike]) -> None:
    """
    Writes what `torch.save` writes, which is a zip, and the SHA-256 of it all as the zip's comment.
    """
    with replace_file(path) as aside:
        with open(aside, "wb") as file:
            torch.save(state, file)
        with open(aside, "r+b") as file:
            # A zip ends with the length of its comment.
            digest = _digest(file, aside.stat().st_size - 2)
            file.seek(-2, os.SEEK_END)
            file.write(len(digest).to_bytes(2, "little") + digest)


def is_whole(path: Union[str, os.PathLike]) -> bool:
    """
    Whether a file that PyTorch has written has all its bytes as they were. `torch.load` itself does
    not look at checksums. What `save_whole` has not written has those of the zip's parts alone.
    """
    try:
        with open(path, "rb") as file:
            file.seek(-(SIZE + 2), os.SEEK_END)
            end, length, digest = file.tell(), file.read(2), file.read()
            if length == SIZE.to_bytes(2, "little"):
                return _digest(file, end) == digest
        return _has_whole_parts(path)
    except Exception:  # Damaged bytes have no end of ways to fail.
        return False


def _digest(file: BinaryIO, size: int) -> bytes:
    """Computes the SHA-256 of the first bytes of a file."""
    file.seek(0)
    digest = hashlib.sha256()
    while size > 0 and (block := file.read(min(size, BLOCK))):
        digest.update(block)
        size -= len(block)
    return digest.digest()


def _has_whole_parts(path: Union[str, os.PathLike]) -> bool:
    with zipfile.ZipFile(path) as parts:
        # A comment is what is left of one of `save_whole`.
        if parts.comment or parts.testzip() is not None:
            return False
    try:
        # Python and PyTorch read the table of parts in their own ways. Nothing is copied.
        torch.load(path, map_location="cpu", mmap=True, weights_only=True)
    except pickle.UnpicklingError:
        pass  # More than tensors: who reads it says so.
    return True


def write_whole(function: Callable[..., Any], parameter: str) -> Callable[..., Any]:
    """Wraps a function that writes the file named by a parameter; where it is `None`, none."""
    signature = inspect.signature(function)

    @wraps(function)
    def write(*args: Any, **kwargs: Any) -> Any:
        bound = signature.bind(*args, **kwargs)
        path: Optional[str] = bound.arguments.get(parameter)
        if not path:
            return function(*args, **kwargs)
        with replace_file(path) as aside:
            bound.arguments[parameter] = str(aside)
            return function(*bound.args, **bound.kwargs)

    return write
