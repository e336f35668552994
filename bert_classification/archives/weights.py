"""Files of weights: read as tensors and nothing else, and compared with the model they are for."""

import json
import pickle
import re
import zipfile
from pathlib import Path
from typing import Iterator, Optional

import safetensors
import torch
from safetensors.torch import save_file
from torch import Tensor

from bert_classification.archives import extraction
from bert_classification.archives.extraction import InvalidArchiveError

ARCHIVED_NAMES = ("weights.safetensors", "weights.th")
NAMES = (*ARCHIVED_NAMES, "best.th")
"""In the order in which they are looked for in an archive, or a directory of training."""

State = dict[str, Tensor]

SIZES = (
    "hidden_size",
    "num_hidden_layers",
    "intermediate_size",
    "vocab_size",
    "max_position_embeddings",
)


def find_weights(directory: Path) -> Path:
    """The weights of an archive that was extracted, or of a directory of training."""
    found = next((directory / name for name in NAMES if (directory / name).is_file()), None)
    if found is None:
        raise InvalidArchiveError(f"it has no weights; expected one of {', '.join(NAMES)}.")
    return found


def check_size(bert: Path, state: State) -> None:
    """Refuses the configuration of a BERT far larger than its weights, before it is built."""
    try:
        settings = json.loads((bert / "config.json").read_text(encoding="utf-8"))
        width, layers, inner, *embedded = (abs(int(settings[key])) for key in SIZES)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InvalidArchiveError(
            f"the configuration of its BERT is damaged ({error!r})."
        ) from None
    asked = width * (sum(embedded) + layers * (4 * width + 2 * inner))
    given = sum(tensor.numel() for tensor in state.values())
    # Closer ones are compared tensor by tensor, which says more.
    if asked > 2 * given:
        raise InvalidArchiveError(
            f"the configuration of its BERT is that of {asked} weights; it has {given}."
        )


def read_weights(path: Path) -> State:
    """
    The tensors in a file, on the CPU.

    # Raises

    `InvalidArchiveError` when the file is missing or damaged, or holds anything but tensors. Nothing in it is
    ever executed; there is no second try with fewer demands.
    """
    if not path.is_file():
        raise InvalidArchiveError(f"there are no weights in {path}.")
    state = _read_safetensors(path) if path.suffix == ".safetensors" else _read_pickle(path)
    if not isinstance(state, dict) or not all(isinstance(each, Tensor) for each in state.values()):
        raise InvalidArchiveError(f"{path.name} does not hold tensors by their names.")
    return state


def _read_pickle(path: Path) -> State:
    _check_unpacked_size(path)
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        called = re.search(r"GLOBAL ([\w.]+)", str(error))
        if called:
            reason = f"it asks for {called[1]}, and weights are tensors only"
        else:
            reason = "it is damaged"
        raise InvalidArchiveError(f"{path.name} is not read: {reason}.") from None
    except Exception as error:  # Damaged bytes have no end of ways to fail.
        raise InvalidArchiveError(f"{path.name} is damaged ({_first_line(error)}).") from None


def _check_unpacked_size(path: Path) -> None:
    """What PyTorch writes is a zip, which may claim to be larger than it looks."""
    try:
        with zipfile.ZipFile(path) as members:
            size = sum(member.file_size for member in members.infolist())
    except zipfile.BadZipFile:
        return
    if size > extraction.MAX_BYTES:
        raise InvalidArchiveError(
            f"{path.name} unpacks to {size} bytes, more than {extraction.MAX_BYTES}."
        )


def _read_safetensors(path: Path) -> State:
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            state = {name: file.get_tensor(name) for name in file.keys()}
            shared = file.metadata() or {}
    except Exception as error:
        raise InvalidArchiveError(f"{path.name} is damaged ({_first_line(error)}).") from None
    return state | {name: state[kept] for name, kept in shared.items() if kept in state}


def write_safetensors(state: State, path: Path) -> None:
    """
    Writes tensors as safetensors. That format has no tensor under two names, as tied weights are;
    the further names go into its metadata, as `safetensors.torch.save_model` puts them.
    """
    first: dict[tuple, str] = {}
    for name, tensor in state.items():
        first.setdefault(_identity(tensor), name)
    kept = {name: first[_identity(tensor)] for name, tensor in state.items()}
    tensors = {name: state[name].detach().clone().contiguous() for name in first.values()}
    shared = {name: other for name, other in kept.items() if name != other}
    save_file(tensors, path, metadata={"format": "pt", **shared})


def _identity(tensor: Tensor) -> tuple:
    return tensor.data_ptr(), tensor.dtype, tensor.shape, tensor.stride()


def check_fit(model: torch.nn.Module, state: State) -> None:
    """
    Compares names and shapes with those of the model, before any of them is loaded.

    # Raises

    `InvalidArchiveError` with the first that does not fit and what it probably comes from.
    """
    expected = model.state_dict()
    missing = sorted(expected.keys() - state.keys() - set(_may_be_missing(model, expected)))
    unexpected = sorted(state.keys() - expected.keys())
    misfits = [name for name in expected if name in state and _differ(expected[name], state[name])]
    if not (missing or unexpected or misfits):
        return
    # A head says more than what lies under it, unless the encoder itself is another one.
    name = next(iter(sorted(misfits, key=_is_encoder, reverse=True) or missing or unexpected))
    if name in misfits:
        fault = f"has the shape {(*state[name].shape,)}, expected {(*expected[name].shape,)}"
    else:
        fault = "is missing" if name in missing else "has no place in the model"
    others = len(missing) + len(unexpected) + len(misfits) - 1
    raise InvalidArchiveError(
        f"the weights do not fit {type(model).__name__}: `{name}` {fault}"
        f"{f', and {others} more do not fit' if others else ''}; "
        f"{_cause(missing + unexpected, misfits, expected, state)}."
    )


def rename_weights(model: torch.nn.Module, state: State) -> State:
    """Gives the weights of an archive the names of today, which `renamed_weights` of a model has."""
    renamed: dict[str, str] = getattr(model, "renamed_weights", {})

    def rename(name: str) -> str:
        old = next((prefix for prefix in renamed if name.startswith(prefix)), "")
        return renamed.get(old, "") + name.removeprefix(old)

    return {rename(name): tensor for name, tensor in state.items()}


def _cause(names: list[str], misfits: list[str], expected: State, state: State) -> str:
    encoder = [name for name in misfits if _is_encoder(name)]
    if any(expected[name].shape[1:] != state[name].shape[1:] for name in encoder):
        return "they are of a BERT of another width"
    if any("word_embeddings" in name for name in encoder):
        return "they are of a BERT with another vocabulary of word pieces"
    if encoder:
        return "they are of a BERT of another size"
    if any("encoder.layer." in name for name in names):
        return "they are of a BERT with another number of layers"
    if names:
        return "they have the head of another task"
    return "they were trained with another number of labels than the vocabulary has"


def _is_encoder(name: str) -> bool:
    return name.startswith("bert.")


def _differ(expected: object, given: object) -> bool:
    return isinstance(expected, Tensor) and getattr(given, "shape", None) != expected.shape


def _may_be_missing(model: torch.nn.Module, names: State) -> Iterator[str]:
    """What a module's class permits to be missing, an idea of AllenNLP's `Model`."""
    for module in model.modules():
        for pattern in getattr(type(module), "authorized_missing_keys", None) or ():
            yield from (name for name in names if re.search(pattern, name))


def _first_line(error: Exception) -> Optional[str]:
    return next(iter(str(error).splitlines()), type(error).__name__)
