"""
The files of a published checkpoint, laid out as an archive of ours has them. From then on they are
read as an archive's are: as data, measured against the weights, with nothing of it executed.
"""

import json
import os
from pathlib import Path
from typing import Any

from allennlp.common.checks import ConfigurationError
from transformers import BertConfig

from bert_classification.archives import serialization, weights
from bert_classification.archives.extraction import InvalidArchiveError, describe_error
from bert_classification.archives.serialization import MODEL, TOKENIZER

CONFIG = "config.json"
WEIGHTS = {"model.safetensors": "weights.safetensors", "pytorch_model.bin": "weights.th"}
"""Hugging Face's names, in the order of preference, and ours."""
PIECES = ("tokenizer.json", "vocab.txt")
"""Files of which one is enough to make a tokenizer of."""

_TOKENIZER_SETTINGS = "tokenizer_config.json"
_TOKENIZER_FILES = (*PIECES, "special_tokens_map.json", "added_tokens.json")
_PATHS = ("_file", "_path", "_dir")
"""What the names of settings end in that say where a file once lay."""


def stage(directory: Path, staged: Path, config: BertConfig) -> None:
    """
    Lays the files of a checkpoint out in an empty directory, with this configuration.

    # Raises

    `ConfigurationError` when it lacks tokenizer or weights.
    """
    # Before the weights, which may take long.
    if not any((directory / file).is_file() for file in PIECES):
        raise ConfigurationError(
            f"{directory} has no tokenizer; expected {' or '.join(PIECES)} beside its config.json."
        )
    _lay_out_weights(directory, staged)
    serialization.save(MODEL, str(staged), config.save_pretrained)
    serialization.save(
        TOKENIZER, str(staged), lambda into: _lay_out_tokenizer(directory, Path(into), config)
    )


def _lay_out_tokenizer(directory: Path, tokenizer: Path, config: BertConfig) -> None:
    for file in _TOKENIZER_FILES:
        if (directory / file).is_file():
            _link(directory / file, tokenizer / file)
    settings = read_object(directory / _TOKENIZER_SETTINGS)
    kept = {
        key: value
        for key, value in settings.items()
        if key != "auto_map" and not key.endswith(_PATHS)
    }
    if settings:
        (tokenizer / _TOKENIZER_SETTINGS).write_text(json.dumps(kept), encoding="utf-8")
    config.save_pretrained(tokenizer)


def _lay_out_weights(directory: Path, staged: Path) -> None:
    for theirs, ours in WEIGHTS.items():
        index = directory / f"{theirs}.index.json"
        if (directory / theirs).is_file():
            _link(directory / theirs, staged / ours)
            return
        if index.is_file():
            weights.write_safetensors(_read_shards(index), staged / weights.ARCHIVED_NAMES[0])
            return
    raise ConfigurationError(
        f"{directory} has no weights; expected {' or '.join(WEIGHTS)}, or the index of their parts."
    )


def _read_shards(index: Path) -> weights.State:
    shards = read_object(index).get("weight_map")
    names: list[Any] = list(shards.values()) if isinstance(shards, dict) else [shards]
    for name in names:
        if not isinstance(name, str) or Path(name).name != name:
            raise InvalidArchiveError(
                f"`weight_map` in {index.name} has {str(name)[:100]!r}; expected names of files "
                "beside it."
            )
    state: weights.State = {}
    for name in sorted(set(names)):
        state |= weights.read_weights(index.parent / name)
    return state


def _link(path: Path, link: Path) -> None:
    os.symlink(path.resolve(), link)


def read_object(path: Path) -> dict[str, Any]:
    """Reads a file of settings; nothing where there is none."""
    if not path.is_file():
        return {}
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise InvalidArchiveError(f"{path.name} is damaged ({describe_error(error)}).") from error
    if not isinstance(settings, dict):
        raise InvalidArchiveError(f"{path.name} is no object.")
    return settings
