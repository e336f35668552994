"""
Files that are there only when they are whole: written aside, brought to the disk, and renamed. A
kill or a full disk leaves what was there before.
"""

import inspect
import logging
import os
import pickle
import zipfile
from contextlib import contextmanager, suppress
from functools import wraps
from pathlib import Path
from typing import Any, Callable, Iterator, Optional, Union

import torch

logger = logging.getLogger(__name__)

PARTIAL = ".partial"
"""What the name of a file ends in while it is written."""


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
    """Writes what `torch.save` writes, with a checksum of each tensor."""
    with replace_file(path) as aside, open(aside, "wb") as file:
        torch.save(state, file)


def is_whole(path: Union[str, os.PathLike]) -> bool:
    """
    Whether a file that PyTorch has written has all its bytes as they were. It is a zip with the
    checksum of each of its parts, at which `torch.load` does not look.
    """
    try:
        with zipfile.ZipFile(path) as parts:
            if parts.testzip() is not None:
                return False
        # The two read the table of parts in their own ways. Nothing is copied.
        torch.load(path, map_location="cpu", mmap=True, weights_only=True)
    except pickle.UnpicklingError:
        return True  # More than tensors: who reads it says so.
    except Exception:  # Damaged bytes have no end of ways to fail.
        return False
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
