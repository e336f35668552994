"""
A checkpoint in the place of an archive: a directory of Hugging Face's, or `hf:NAME@REVISION`.
It is converted once, into the user's cache, and again when its files have changed.
"""

import hashlib
import logging
import os
import re
import shutil
from pathlib import Path
from typing import Any, Optional, Union

from allennlp.common import file_utils
from allennlp.common.checks import ConfigurationError, check_for_gpu
from allennlp.models.archival import CONFIG_NAME, Archive

from bert_classification.archives import opening
from bert_classification.archives.extraction import naming, prefix_errors
from bert_classification.archives.hub import find_checkpoint, is_hub_name
from bert_classification.archives.serialization import write_directory
from bert_classification.bert.as_archive import write_contents
from bert_classification.bert.staged import read_object

logger = logging.getLogger(__name__)

FORMAT = 1
"""Of what is kept in the cache; another number has everything converted again."""

_KEPT = re.compile(r"[0-9a-f]{16}")
_FILES = (".json", ".txt", ".safetensors", ".bin")


def load_archive(
    archive_file: Union[str, os.PathLike],
    cuda_device: int = -1,
    overrides: Union[str, dict[str, Any]] = "",
    weights_file: Optional[str] = None,
) -> Archive:
    """Opens an archive, a directory of training or a checkpoint; see `opening.load_archive`."""
    check_for_gpu(cuda_device)
    found = find_archive(archive_file)
    with naming({} if found == archive_file else {str(found): f"{archive_file} ({found})"}):
        return opening.load_archive(found, cuda_device, overrides, weights_file)


def find_archive(name: Union[str, os.PathLike]) -> Union[str, os.PathLike]:
    """
    Gives what stands for an archive: a checkpoint's conversion in the cache, and any other name as
    it is.

    # Raises

    `ConfigurationError` for a checkpoint that is not to be had, or cannot be converted.
    """
    text = os.fspath(name)
    if is_hub_name(text):
        return _convert_once(find_checkpoint(text), text)
    directory = Path(os.path.expanduser(text))
    return _convert_once(directory, text) if _is_checkpoint(directory) else name


def _is_checkpoint(directory: Path) -> bool:
    """Tells the directory of a checkpoint from that of a training."""
    if not directory.is_dir() or (directory / "vocabulary").is_dir():
        return False
    with prefix_errors(directory):
        return "model" not in read_object(directory / CONFIG_NAME)


def _convert_once(directory: Path, name: str) -> Path:
    """Finds the conversion of a checkpoint, or makes it."""
    root = os.environ.get("ALLENNLP_CACHE_ROOT", file_utils.CACHE_ROOT)
    place = Path(root, "checkpoints", _digest(os.path.realpath(directory)))
    converted = place / _digest(_identity(directory))
    if not converted.is_dir():
        try:
            write_directory(converted, lambda into: write_contents(directory, name, Path(into)))
        except OSError as error:
            raise ConfigurationError(
                f"{name} cannot be converted: {place} cannot be written "
                f"({error.strerror or error}); ALLENNLP_CACHE_ROOT names another place."
            ) from error
        _remove_others(place, converted.name)
    task = read_object(converted / CONFIG_NAME)["model"]["type"]
    logger.info("%s is taken for %s; its conversion is in %s", name, task, converted)
    return converted


def _identity(directory: Path) -> str:
    files = sorted(path for path in directory.iterdir() if path.suffix in _FILES)
    stats = [(path.name, path.stat()) for path in files]
    return repr([FORMAT, *((name, stat.st_size, stat.st_mtime_ns) for name, stat in stats)])


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()[:16]


def _remove_others(place: Path, kept: str) -> None:
    """Removes what was converted of earlier contents of the files; what is in the making stays."""
    for path in place.iterdir():
        if _KEPT.fullmatch(path.name) and path.name != kept:
            shutil.rmtree(path, ignore_errors=True)
