"""
The BERT in an archive of ours, or in the directory of a training run, as a checkpoint for another
task: `pretrained_model` and `bert_model` may name one.
"""

import atexit
import os
import shutil
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import Optional

from allennlp.common.checks import ConfigurationError
from torch import Tensor

from bert_classification import extraction
from bert_classification.archives import MODEL, saved
from bert_classification.weights import check_size, find_weights, read_weights


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
    directory = opened(name, MODEL)
    if directory == name:
        return None
    with extraction.named(name):
        state = read_weights(find_weights(Path(_unpacked_if_file(name))))
        check_size(Path(directory), state)
        return state


def _unpacked_if_file(name: str) -> str:
    return _unpacked(name, os.stat(name).st_mtime_ns) if os.path.isfile(name) else name


@lru_cache(maxsize=None)
def _unpacked(path: str, changed: int) -> str:
    """The archive, taken apart as data; the directory goes with the process."""
    directory = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    with extraction.named(path):
        extraction.extract(Path(path), Path(directory))
    return directory
