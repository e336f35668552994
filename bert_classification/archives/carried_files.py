"""
Small files that a model's config names and an archive carries along, since they are read again
whenever the model is built: the lists of words of AllenNLP's bias mitigation, plain JSON.
"""

import json
import logging
import os
import shutil
from pathlib import Path
from typing import Any, Iterator

from allennlp.common.file_utils import cached_path
from allennlp.models.archival import CONFIG_NAME

from bert_classification.archives import serialization

logger = logging.getLogger(__name__)

FILES = "files"
KEYS = frozenset(("seed_words_file", "seed_word_pairs_file", "equalize_word_pairs_file"))


def pack_files(serialization_dir: str) -> None:
    """Puts the files that the config of a training names beside what else its archive carries."""
    path = Path(serialization_dir, CONFIG_NAME)
    if not path.exists():
        return
    config = json.loads(path.read_text(encoding="utf-8"))
    named = {name: owner[key] for name, owner, key in _named_files(config.get("model"), "model")}

    def write(directory: str) -> None:
        for name, file in named.items():
            try:
                shutil.copyfile(cached_path(file), Path(directory, name))
            except OSError as error:
                logger.warning("`%s`: the archive will not carry %s: %s", name, file, error)

    if named and serialization.saved_directory(FILES, serialization_dir) is None:
        serialization.save(FILES, serialization_dir, write)


def take_files(config: dict[str, Any], directory: str) -> None:
    """Puts the files that an archive carries in the place of those that its config names."""
    files = serialization.saved_directory(FILES, directory)
    for name, owner, key in _named_files(config.get("model"), "model") if files else ():
        path = os.path.join(str(files), os.path.basename(name))
        if os.path.isfile(path):
            owner[key] = path


def is_carried(key: str, value: str, directory: str) -> bool:
    """Tells whether a value of a config is a file that the archive carries for this key."""
    files = serialization.saved_directory(FILES, directory)
    return key in KEYS and files is not None and os.path.dirname(value) == files


def _named_files(value: Any, where: str) -> Iterator[tuple[str, Any, Any]]:
    """Yields where a file is named, by its keys joined with dots, with the object and the key."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in items:
        if isinstance(inner, (dict, list)):
            yield from _named_files(inner, f"{where}.{key}")
        elif key in KEYS and isinstance(inner, str):
            yield f"{where}.{key}", value, key
