"""Checkpoints of the model hub, as directories: downloaded, or found in the hub's local cache."""

import os
from pathlib import Path
from typing import Optional

from allennlp.common.checks import ConfigurationError
from huggingface_hub import snapshot_download
from huggingface_hub.errors import (
    GatedRepoError,
    HFValidationError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from bert_classification.archives.extraction import describe_error

PREFIX = "hf:"

_SETTINGS = ("*.json", "*.txt")
_WEIGHTS = ("*.safetensors", "pytorch_model*.bin")
"""In the order of preference."""


def download(name: str, revision: Optional[str] = None) -> str:
    """
    Finds the directory of a checkpoint of the model hub, with its settings and weights and no code.
    What the local cache lacks is downloaded, unless the hub is offline.

    # Raises

    What the hub's client raises; see `explain_missing`.
    """
    directory = snapshot_download(name, revision=revision, allow_patterns=[*_SETTINGS, _WEIGHTS[0]])
    if any(Path(directory).glob(_WEIGHTS[0])):
        return directory
    return snapshot_download(name, revision=revision, allow_patterns=[*_SETTINGS, _WEIGHTS[1]])


def explain_missing(name: str, revision: Optional[str], error: Exception) -> str:
    """Says in a sentence why a checkpoint is not to be had."""
    wanted = name if revision is None else f"{name} in the revision {revision!r}"
    if isinstance(error, HFValidationError):
        return f"{name[:200]!r} is neither a directory here nor a name that the model hub may have."
    if isinstance(error, GatedRepoError):
        return f"{name} is for those only whom its owners let in; see `hf auth login`."
    if isinstance(error, RepositoryNotFoundError):
        return f"The model hub has no {name}, and there is no directory of that name here."
    if isinstance(error, RevisionNotFoundError):
        return f"{name} on the model hub has no revision {revision!r}."
    if isinstance(error, LocalEntryNotFoundError):
        return (
            f"{wanted} is neither a directory here nor in the local cache of the model hub, and "
            "the hub is not to be reached."
        )
    return f"{wanted} cannot be had from the model hub ({describe_error(error)})."


def is_hub_name(name: str) -> bool:
    """Tells `hf:NAME` from all others; `hf://` is AllenNLP's own, of archives on the hub."""
    return name.startswith(PREFIX) and not name.startswith(f"{PREFIX}//")


def find_checkpoint(name: str, revision: Optional[str] = None) -> Path:
    """
    Finds the directory of a checkpoint: a directory, or a name on the model hub, which may have
    `hf:` before it and `@REVISION` behind it.

    # Raises

    `ConfigurationError` when there is none.
    """
    directory = Path(os.path.expanduser(name))
    if directory.is_dir():
        if revision is not None:
            raise ConfigurationError(
                f"{name} is a directory, which has no revision {revision!r}; take it out."
            )
        return directory
    if directory.is_file():
        raise ConfigurationError(
            f"{name} is a file; expected the directory of a checkpoint, or a name on the model hub."
        )
    hub_name, _, wanted = name.removeprefix(PREFIX).partition("@")
    if revision is not None and wanted:
        raise ConfigurationError(f"{name} has a revision already; take out {revision!r}.")
    try:
        return Path(download(hub_name, revision or wanted or None))
    except Exception as error:  # Of the hub's client, of requests, of the disk.
        reason = explain_missing(hub_name, revision or wanted or None, error)
        raise ConfigurationError(reason) from error
