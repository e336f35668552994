"""
What is looked at before a training goes into a directory: that it is a fresh one, or with
`--recover` one of the same training. More epochs may be asked for; every other change is refused.
"""

import json
import logging
import os
import shutil
from pathlib import Path
from typing import Any, Iterator, Union

from allennlp.common import Params
from allennlp.common.checks import ConfigurationError
from allennlp.models.archival import CONFIG_NAME
from allennlp.training import util as training_util

from bert_classification.archives.checkpoints import has_whole_checkpoint
from bert_classification.archives.whole_files import PARTIAL

logger = logging.getLogger(__name__)

NUM_EPOCHS = "trainer.num_epochs"
DEFAULT_NUM_EPOCHS = 20
"""AllenNLP's, where a config has none."""

ABSENT = "nothing"


def create_serialization_dir(
    params: Params, serialization_dir: Union[str, os.PathLike], recover: bool, force: bool
) -> None:
    """
    Makes the directory of a training, or looks at the one it goes on in.

    # Parameters

    params : `Params`
        The config.
    serialization_dir : `str`
    recover, force : `bool`
        Whether the training goes on there, or the directory is made anew.

    # Raises

    `ConfigurationError` when the directory holds anything without `recover` or `force`, and with
    `recover` when it is missing, or is of another config: each key that differs is named.
    """
    directory = Path(serialization_dir)
    if recover and force:
        raise ConfigurationError("--recover and --force are both given; take one out.")
    if not recover:
        _make(directory, force)
        return
    if not directory.is_dir():
        raise ConfigurationError(f"--recover: there is no directory {directory}.")
    if all(path.suffix == PARTIAL for path in directory.iterdir()):
        logger.warning("%s is empty: the training starts from its beginning.", directory)
        return
    check_same_config(_read_config(directory), params.as_dict(quiet=True), directory)
    if has_whole_checkpoint(directory):
        logger.info("The training in %s goes on.", directory)
    else:
        logger.warning("%s has no checkpoint: the training starts from its beginning.", directory)
        _renew_vocabulary(params, directory)


def _make(directory: Path, force: bool) -> None:
    if directory.exists() and force:
        shutil.rmtree(directory)
    directory.mkdir(parents=True, exist_ok=True)
    if next(directory.iterdir(), None) is not None:
        is_lost = has_whole_checkpoint(directory)
        raise ConfigurationError(
            f"{directory} is not empty. --recover goes on with the training in it; --force deletes "
            f"it and trains anew{'' if is_lost else ' (it has no checkpoint that would be lost)'}."
        )


def _read_config(directory: Path) -> dict[str, Any]:
    path = directory / CONFIG_NAME
    if not path.is_file():
        raise ConfigurationError(
            f"--recover: {directory} has no {CONFIG_NAME}, so it is not that of a training."
        )
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ConfigurationError(
            f"--recover: {path} is damaged ({error}); put the config of the training there."
        ) from None


def check_same_config(old: dict[str, Any], new: dict[str, Any], directory: Path) -> None:
    """
    Compares the config of a training with that of its continuation.

    # Raises

    `ConfigurationError` that names each key that differs, with both values.
    """
    before, after = (Params(each).as_flat_dict() for each in (old, json.loads(json.dumps(new))))
    lines = [
        f"- `{key}` was {before.get(key, ABSENT)!r} and is {after.get(key, ABSENT)!r}"
        for key in _differing_keys(before, after)
    ]
    if lines:
        raise ConfigurationError(
            f"--recover: the config is not that of the training in {directory}:\n"
            + "\n".join(lines)
            + f"\nOnly `{NUM_EPOCHS}` may change, and only grow."
        )


def _differing_keys(before: dict[str, Any], after: dict[str, Any]) -> Iterator[str]:
    for key in sorted({*before, *after}):
        if key == NUM_EPOCHS and _may_grow(before, after):
            continue
        if key not in before or key not in after or before[key] != after[key]:
            yield key


def _may_grow(before: dict[str, Any], after: dict[str, Any]) -> bool:
    old, new = (each.get(NUM_EPOCHS, DEFAULT_NUM_EPOCHS) for each in (before, after))
    return isinstance(old, int) and isinstance(new, int) and new >= old


def _renew_vocabulary(params: Params, directory: Path) -> None:
    """
    Makes the vocabulary again where several processes train, which read it from its files alone:
    the kill may have come while they were written.
    """
    if "distributed" not in params:
        return
    shutil.rmtree(directory / "vocabulary", ignore_errors=True)
    training_util.make_vocab_from_params(params.duplicate(), str(directory))
