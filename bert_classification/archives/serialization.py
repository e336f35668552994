"""
What an archive carries of BERT beside weights and vocabulary, so that it opens with no other file
and no network: the tokenizer and the configurations, in `vocabulary/.bert`. AllenNLP packs the
vocabulary's directory whole and, when it reads one, passes over names that begin with a dot.
"""

import json
import logging
import os
import shutil
import tempfile
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import Any, Callable, Iterator, Optional

from bert_classification.archives import weights
from bert_classification.archives.checkpoints import has_whole_checkpoint

TOKENIZER = "tokenizer"
MODEL = "model"
DECODER = "decoder"
MODEL_PARAMS = "model_params"

_reads_weights = ContextVar("reads_weights", default=False)


def saved_directory(part: str, serialization_dir: Optional[str]) -> Optional[str]:
    """Finds the directory of a part that training has saved; `None` when there is none."""
    directory = _directory(part, serialization_dir)
    return str(directory) if directory is not None and directory.is_dir() else None


@contextmanager
def reading_weights() -> Iterator[None]:
    """Says that the weights of a model are read when it is built, as an archive's are."""
    token = _reads_weights.set(True)
    try:
        yield
    finally:
        _reads_weights.reset(token)


def has_weights(serialization_dir: Optional[str]) -> bool:
    """
    Tells whether a model that is built for a directory gets its weights afterwards: those of an
    archive that is opened, or of a checkpoint from which a training goes on. `best.th` alone is
    none, since `--recover` does not read it.
    """
    if serialization_dir is None:
        return False
    archived = any(Path(serialization_dir, name).exists() for name in weights.ARCHIVED_NAMES)
    return _reads_weights.get() or archived or has_whole_checkpoint(serialization_dir)


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


def save_model_params(serialization_dir: Optional[str], params: dict[str, Any]) -> None:
    """
    Keeps the config of a model that came out of an archive, for an archive that will be made of it.
    """

    def write(directory: str) -> None:
        Path(directory, "params.json").write_text(json.dumps(params), encoding="utf-8")

    save(MODEL_PARAMS, serialization_dir, write)


def model_params(serialization_dir: str) -> Optional[dict[str, Any]]:
    """Reads what `save_model_params` has kept; `None` when there is none."""
    directory = saved_directory(MODEL_PARAMS, serialization_dir)
    if directory is None:
        return None
    return json.loads(Path(directory, "params.json").read_text(encoding="utf-8"))


def _directory(part: str, serialization_dir: Optional[str]) -> Optional[Path]:
    return (
        None if serialization_dir is None else Path(serialization_dir, "vocabulary", ".bert", part)
    )


# The vocabulary is written beside what is saved here, and AllenNLP takes that for a leftover.
logging.getLogger("allennlp.data.vocabulary").addFilter(
    lambda record: "is not empty" not in str(record.msg)
)
