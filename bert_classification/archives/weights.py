"""Files of weights: read as tensors and nothing else."""

import pickle
import re
import zipfile
from pathlib import Path

import safetensors
import torch
from safetensors.torch import save_file
from torch import Tensor

from bert_classification.archives import extraction
from bert_classification.archives.extraction import InvalidArchiveError, describe_error

ARCHIVED_NAMES = ("weights.safetensors", "weights.th")
NAMES = (*ARCHIVED_NAMES, "best.th")
"""In the order in which they are looked for in an archive, or a directory of training."""

MAX_NAMES = 2**20
"""In bytes, of the names and shapes of the tensors in a file; BERT-large needs 60,000."""

State = dict[str, Tensor]


def find_weights(directory: Path) -> Path:
    """Finds the weights of an archive that was extracted, or of a directory of training."""
    found = next((directory / name for name in NAMES if (directory / name).is_file()), None)
    if found is None:
        raise InvalidArchiveError(f"it has no weights; expected one of {', '.join(NAMES)}.")
    return found


def read_weights(path: Path) -> State:
    """
    Reads the tensors in a file, on the CPU.

    # Raises

    `InvalidArchiveError` when the file is missing or damaged, or holds anything but whole tensors
    of numbers. Nothing in it is ever executed; there is no second try with fewer demands.
    """
    if not path.is_file():
        raise InvalidArchiveError(f"there are no weights in {path}.")
    state = _read_safetensors(path) if path.suffix == ".safetensors" else _read_pickle(path)
    if not isinstance(state, dict) or not all(
        isinstance(name, str) and isinstance(tensor, Tensor) for name, tensor in state.items()
    ):
        raise InvalidArchiveError(f"{path.name} does not hold tensors by their names.")
    for name, tensor in state.items():
        fault = _find_fault(tensor)
        if fault:
            raise InvalidArchiveError(f"{path.name} is not read: `{name}` {fault}.")
    return state


def count_weights(state: State) -> int:
    """Counts the numbers that are there; what several tensors show of one memory counts once."""
    storages = {}
    for tensor in state.values():
        storage = tensor.untyped_storage()
        storages[storage.data_ptr()] = storage.nbytes() // tensor.element_size()
    return sum(storages.values())


def _find_fault(tensor: Tensor) -> str:
    """Says what keeps a tensor from being weights; nothing when it is plain, whole and numbers."""
    if tensor.layout is not torch.strided or tensor.is_quantized or tensor.is_complex():
        unusual = tensor.dtype if tensor.layout is torch.strided else tensor.layout
        kind = str(unusual).removeprefix("torch.")
        return f"is a tensor of the kind {kind}; expected a dense one"
    if tensor.is_meta or tensor.is_nested or type(tensor) not in (Tensor, torch.nn.Parameter):
        return "is a tensor without its numbers; expected a plain one"
    if tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
        return f"has the shape {(*tensor.shape,)} and fewer numbers, which it shows repeatedly"
    # The smallest of numbers, one of which is none, is none; this takes no memory.
    if tensor.is_floating_point() and tensor.numel():
        smallest = (tensor if tensor.element_size() > 1 else tensor.float()).min()
        if smallest.isnan():
            return "holds NaN, which is no number; the training has failed"
    return ""


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
        raise InvalidArchiveError(f"{path.name} is damaged ({describe_error(error)}).") from None


def _check_unpacked_size(path: Path) -> None:
    # What PyTorch writes is a zip, which may claim to be larger than it looks.
    try:
        with zipfile.ZipFile(path) as members:
            sizes = {member.filename: member.file_size for member in members.infolist()}
    except zipfile.BadZipFile:
        return
    size = sum(sizes.values())
    # PyTorch does not compress.
    limit = min(extraction.MAX_BYTES, path.stat().st_size)
    if size > limit:
        raise InvalidArchiveError(f"{path.name} unpacks to {size} bytes, more than {limit}.")
    _check_names(path, max((sizes[name] for name in sizes if name.endswith("data.pkl")), default=0))


def _check_names(path: Path, size: int) -> None:
    # More than there are bytes is a damage, which the libraries find.
    if MAX_NAMES < size <= path.stat().st_size:
        raise InvalidArchiveError(
            f"{path.name} has {size} bytes of names and shapes, more than {MAX_NAMES}; no model "
            "has as many tensors."
        )


def _read_safetensors(path: Path) -> State:
    with open(path, "rb") as start:
        _check_names(path, int.from_bytes(start.read(8), "little"))
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            state = {name: file.get_tensor(name) for name in file.keys()}
            shared = file.metadata() or {}
    except Exception as error:
        raise InvalidArchiveError(f"{path.name} is damaged ({describe_error(error)}).") from None
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
