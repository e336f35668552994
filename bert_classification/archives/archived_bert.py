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
from typing import NamedTuple, Optional

from allennlp.common.checks import ConfigurationError

from bert_classification.archives import old_archives
from bert_classification.archives.config import read_config
from bert_classification.archives.extraction import (
    InvalidArchiveError,
    extract,
    prefix_errors,
)
from bert_classification.archives.serialization import MODEL, TOKENIZER, saved_directory
from bert_classification.archives.sizes import check_contents
from bert_classification.archives.weights import NAMES, State, find_weights, read_weights


class ArchivedBert(NamedTuple):
    """
    Where the parts of an archived BERT lie.

    name : `str`
        The archive, or the directory of the training run, as the user names it.
    root : `Path`
        That directory, or the one that the archive was extracted to.
    configuration, tokenizer : `str`
        The directories of these two.
    """

    name: str
    root: Path
    configuration: str
    tokenizer: str

    def read_weights(self) -> State:
        """
        Reads the tensors, as data; `ConfigurationError` when they cannot be had, or when what lies
        beside them is not of their size.
        """
        with prefix_errors(self.name):
            state = read_weights(find_weights(self.root))
            check_contents(self.root, state)
            return state


def find_archived_bert(name: str) -> Optional[ArchivedBert]:
    """
    Finds the BERT in an archive or in the directory of a training run; `None` for any other name.

    # Raises

    `ConfigurationError` for a file that is no archive of ours.
    """
    is_file = os.path.isfile(name)
    root = _extract_once(name, os.stat(name).st_mtime_ns) if is_file else name
    tokenizer = saved_directory(TOKENIZER, root)
    configuration = saved_directory(MODEL, root) or tokenizer
    if configuration is not None:
        return ArchivedBert(name, Path(root), configuration, tokenizer or configuration)
    if is_file:
        _check_version(name, Path(root))
        raise ConfigurationError(
            f"{name}: this archive carries no BERT; expected a model.tar.gz that this version of "
            "bert_classification has trained."
        )
    return None


@lru_cache(maxsize=None)
def _extract_once(path: str, changed: int) -> str:
    """Takes an archive apart as data, and measures it; the directory goes with the process."""
    directory = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    with prefix_errors(path):
        extract(Path(path), Path(directory))
        _check(Path(directory))
    return directory


def _check_version(name: str, root: Path) -> None:
    """Raises `ConfigurationError` for an archive of an earlier AllenNLP."""
    try:
        config, state = read_config(root), read_weights(find_weights(root))
    except InvalidArchiveError:
        return
    with prefix_errors(name):
        old_archives.check_model(config, state)


def _check(root: Path) -> None:
    """Measures an archive; without weights nothing of it may be large."""
    there = any(Path(root, name).is_file() for name in NAMES)
    check_contents(root, read_weights(find_weights(root)) if there else {})
