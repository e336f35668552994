"""
The BERT in an archive of ours, or in the directory of a training run, as a checkpoint for another
task: `pretrained_model` and `bert_model` may name one.
"""

import atexit
import os
import re
import shutil
import tarfile
import tempfile
import zlib
from functools import lru_cache
from pathlib import Path
from typing import Optional

import torch
from allennlp.common.checks import ConfigurationError
from safetensors.torch import load_file
from torch import Tensor

from bert_classification.archives import MODEL, saved

WEIGHTS = ("weights.safetensors", "weights.th", "best.th")

_KNOWN = re.compile(r"weights\.(th|safetensors)|vocabulary/\.bert/(tokenizer|model)/\w[\w.-]*")


def opened(name: str, part: str) -> str:
    """
    The directory of a part in an archive, or in the directory of a training run, that stands for a
    checkpoint; any other name as it is.

    # Raises

    `ConfigurationError` for a file that is no archive of ours.
    """
    directory = saved(part, _unpacked_if_file(name))
    if directory is not None:
        return directory
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
    file = next((directory / one for one in WEIGHTS if (directory / one).is_file()), None)
    if file is None:
        raise ConfigurationError(f"{name}: no weights; expected one of {', '.join(WEIGHTS)}.")
    if file.suffix == ".safetensors":
        return load_file(file)
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
