"""
What an archive carries of BERT beside weights and vocabulary, so that it opens with no other file
and no network: the tokenizer and the configurations, in `vocabulary/.bert`. AllenNLP packs the
vocabulary's directory whole and, when it reads one, passes over names that begin with a dot.

So an archive, or the directory of a training run, is a checkpoint for another task too.
"""

import atexit
import logging
import os
import re
import shutil
import tarfile
import tempfile
import zlib
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Callable, Optional

import torch
from allennlp.common.checks import ConfigurationError
from torch import Tensor

TOKENIZER = "tokenizer"
MODEL = "model"
WEIGHTS = ("weights.th", "best.th", "model_state_*.th")

_KNOWN = re.compile(r"weights\.th|vocabulary/\.bert/(tokenizer|model)/\w[\w.-]*")


def saved(part: str, serialization_dir: Optional[str]) -> Optional[str]:
    """The directory of a part that training has saved; `None` when there is none."""
    directory = _directory(part, serialization_dir)
    return str(directory) if directory is not None and directory.is_dir() else None


def has_weights(serialization_dir: Optional[str]) -> bool:
    """
    Whether the directory of an archive, or of a training run, holds weights that are read after
    construction.
    """
    return serialization_dir is not None and any(
        next(Path(serialization_dir).glob(name), None) is not None for name in WEIGHTS
    )


def save(part: str, serialization_dir: Optional[str], write: Callable[[str], object]) -> None:
    """
    Lets `write` fill the directory of a part; of several processes that train together one
    succeeds.
    """
    directory = _directory(part, serialization_dir)
    if directory is None:
        return
    write_directory(directory, write, replace=True)


def write_directory(directory: Path, write: Callable[[str], object], replace: bool = False) -> None:
    """
    Lets `write` fill a directory that is there only when it is complete. Of several processes that
    do so one succeeds.
    """
    directory.parent.mkdir(parents=True, exist_ok=True)
    fresh = tempfile.mkdtemp(dir=directory.parent)
    try:
        write(fresh)
        if replace:
            shutil.rmtree(directory, ignore_errors=True)
        with suppress(OSError):
            os.rename(fresh, directory)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def opened(name: str, part: str) -> str:
    """
    The directory of a part in an archive, or in the directory of a training run, that stands for a
    checkpoint; any other name as it is.

    # Raises

    `ConfigurationError` for a file that is no archive of ours.
    """
    directory = _directory(part, _unpacked_if_file(name))
    if directory is not None and directory.is_dir():
        return str(directory)
    if os.path.isfile(name):
        raise ConfigurationError(
            f"{name}: this archive carries no BERT; expected a model.tar.gz that this version of "
            "bert_classification has trained."
        )
    return name


def weights(name: str) -> Optional[dict[str, Tensor]]:
    """The weights in such an archive or directory; `None` for any other name."""
    if opened(name, MODEL) == name:
        return None
    directory = Path(_unpacked_if_file(name))
    file = next((directory / one for one in WEIGHTS[:2] if (directory / one).is_file()), None)
    if file is None:
        raise ConfigurationError(f"{name}: no weights; expected {' or '.join(WEIGHTS[:2])}.")
    return torch.load(file, map_location="cpu", weights_only=True)


def _unpacked_if_file(name: str) -> str:
    return _unpacked(name, os.stat(name).st_mtime_ns) if os.path.isfile(name) else name


@lru_cache(maxsize=None)
def _unpacked(path: str, changed: int) -> str:
    """Files that are known by name are copied out; nothing else in an archive is trusted."""
    directory = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    try:
        with tarfile.open(path) as archive:
            for member in archive:
                content = archive.extractfile(member) if member.isreg() else None
                if content is not None and _KNOWN.fullmatch(member.name):
                    target = Path(directory, member.name)
                    target.parent.mkdir(parents=True, exist_ok=True)
                    with target.open("wb") as file:
                        shutil.copyfileobj(content, file)
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise ConfigurationError(
            f"{path}: not a model archive that can be read: {error}"
        ) from error
    return directory


def _directory(part: str, serialization_dir: Optional[str]) -> Optional[Path]:
    return (
        None if serialization_dir is None else Path(serialization_dir, "vocabulary", ".bert", part)
    )


# The vocabulary is written beside what is saved here, and AllenNLP takes that for a leftover.
logging.getLogger("allennlp.data.vocabulary").addFilter(
    lambda record: "is not empty" not in str(record.msg)
)
