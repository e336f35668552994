"""Checkpoints of the model hub, as directories: downloaded, or found in the hub's local cache."""

from pathlib import Path
from typing import Optional

from huggingface_hub import snapshot_download
from huggingface_hub.errors import (
    GatedRepoError,
    HFValidationError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from bert_classification.archives.extraction import describe_error

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
