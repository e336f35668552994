"""
The checkpoint that an archive of others names and does not carry: a caller puts his own in its
place by the key `bert` of his overrides, `--overrides '{"bert": "CHECKPOINT"}'`.
"""

import copy
import json
import os
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Iterator, Mapping, Union

from allennlp.common import Params
from allennlp.common.checks import ConfigurationError
from allennlp.common.params import parse_overrides, with_overrides
from huggingface_hub import try_to_load_from_cache
from huggingface_hub.errors import HFValidationError

from bert_classification.archives.config import strings
from bert_classification.archives.extraction import InvalidArchiveError, describe_error
from bert_classification.archives.hub import download
from bert_classification.archives.names import checkpoint_names, describe_missing, walk

BERT = "bert"
"""The key in the caller's overrides."""
CONFIG = "config.json"


def parse(overrides: Union[str, dict[str, Any]]) -> dict[str, Any]:
    """Gives a caller's overrides as an object."""
    return parse_overrides(json.dumps(overrides) if isinstance(overrides, dict) else overrides)


def override(
    written: dict[str, Any], overrides: Union[str, dict[str, Any]], directory: str
) -> tuple[Params, frozenset[str]]:
    """
    Gives the config of the archive in a directory with what the caller has put into it, and the
    strings that are his.
    """
    replaced = parse(overrides)
    bert = replaced.pop(BERT, None)
    config = with_overrides(written, replaced) if replaced else copy.deepcopy(written)
    permitted = frozenset(strings(replaced))
    if bert is not None:
        checkpoint = find_directory(bert)
        put_in_place(config, checkpoint, permitted, directory)
        permitted |= {checkpoint}
    return Params(config), permitted


def overridden_settings(overrides: Union[str, dict[str, Any]]) -> set[str]:
    """
    Names the settings of the model that a caller's overrides have; one within another as
    `calibration.temperature`, and the other as well.
    """
    settings: set[str] = set()
    for path, value in parse(overrides).items():
        for keys, _ in walk(value, tuple(path.split("."))):
            if keys[0] == "model":
                settings |= {".".join(keys[1:end]) for end in range(2, len(keys) + 1)}
    return settings


def find_directory(name: str) -> str:
    """
    Finds the directory of a checkpoint that the caller names, which may be on the model hub; from
    there it is downloaded, unless the hub is offline.

    # Raises

    `ConfigurationError` when there is none.
    """
    if not isinstance(name, str):
        raise ConfigurationError(f"`bert` is {str(name)[:100]}; expected the name of a checkpoint.")
    directory = os.path.abspath(os.path.expanduser(name))
    if not os.path.isdir(directory):
        directory = _download(name)
    try:
        settings = json.loads(Path(directory, CONFIG).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigurationError(
            f"`bert` {name} has no {CONFIG} that can be read ({describe_error(error)})."
        ) from error
    if not isinstance(settings, dict) or "model_type" not in settings:
        raise ConfigurationError(
            f"`bert` {name}: its {CONFIG} is not that of a checkpoint, which has a `model_type`."
        )
    return directory


def _download(name: str) -> str:
    try:
        return download(name)
    except Exception as error:  # Of the hub's client, of requests, of the disk.
        raise ConfigurationError(
            f"`bert` {name} is neither a directory nor a checkpoint that the model hub or its "
            f"local cache knows ({describe_error(error)})."
        ) from error


def put_in_place(
    config: dict[str, Any], checkpoint: str, permitted: frozenset[str], directory: str
) -> None:
    """
    Puts a checkpoint's directory in all places of a config, of model, tokenizer and indexer, that
    name the checkpoint which the archive does not carry.

    # Raises

    `InvalidArchiveError` when it names none, or several that are not to be had.
    """
    places = dict(checkpoint_names(config, permitted, directory))
    names = set(places.values())
    if not names:
        raise InvalidArchiveError(
            "it names no BERT that it does not carry; take `bert` out of the overrides."
        )
    missing = {name for name in names if not is_cached(name)}
    replaced = names if len(names) == 1 else missing
    if len(replaced) != 1:
        named = ", ".join(f"`{'.'.join(keys)}` {name!r}" for keys, name in places.items())
        raise InvalidArchiveError(
            f"it names several checkpoints ({named}), and `bert` is one; give "
            "`overrides` with each of these keys."
        )
    for keys, name in places.items():
        if name in replaced:
            _set(config, keys, checkpoint)


def _set(config: Any, keys: tuple[str, ...], value: str) -> None:
    *parents, last = keys
    for key in parents:
        config = config[int(key) if isinstance(config, list) else key]
    config[int(last) if isinstance(config, list) else last] = value


def is_cached(name: str) -> bool:
    """Tells whether the local cache of the model hub has a checkpoint."""
    try:
        return isinstance(try_to_load_from_cache(name, CONFIG), str)
    except HFValidationError:
        return False


@contextmanager
def explain_missing(
    config: Mapping[str, Any], permitted: frozenset[str], directory: str
) -> Iterator[None]:
    """Says of what is not built which checkpoint is missing, where one is."""
    try:
        yield
    except InvalidArchiveError as error:
        for keys, name in checkpoint_names(config, permitted, directory):
            if not is_cached(name):
                raise InvalidArchiveError(describe_missing(".".join(keys), name)) from error
        raise
