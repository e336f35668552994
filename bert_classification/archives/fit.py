"""Weights compared with the model that they are for, by their names and shapes."""

import re
from typing import AbstractSet, Iterator

import torch
from torch import Tensor

from bert_classification.archives.extraction import InvalidArchiveError
from bert_classification.archives.weights import State

_ENCODER_PARTS = (".transformer_model.", ".embeddings.", ".encoder.layer.", ".pooler.")
"""Of a BERT in models of others, whose own parts have names like `_text_field_embedder`."""


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
        fault = "is missing" if name in missing else "is not in the model"
    others = len(missing) + len(unexpected) + len(misfits) - 1
    raise InvalidArchiveError(
        f"the weights do not fit {type(model).__name__}: `{name}` {fault}"
        f"{f', and {others} more do not fit' if others else ''}; "
        f"{_cause(missing + unexpected, misfits, expected, state)}."
    )


def rename_weights(model: torch.nn.Module, state: State) -> State:
    """Gives weights the names that they have today; a model's `renamed_weights` knows them."""
    renamed: dict[str, str] = getattr(model, "renamed_weights", {})

    def rename(name: str) -> str:
        old = next((prefix for prefix in renamed if name.startswith(prefix)), "")
        return renamed.get(old, "") + name.removeprefix(old)

    return {rename(name): tensor for name, tensor in state.items()}


def with_own_settings(model: torch.nn.Module, state: State, overridden: AbstractSet[str]) -> State:
    """
    Puts what the model was built with in the place of what the weights have kept of the settings
    that were overridden; a model's `kept_settings` knows the names that they have there.
    """
    kept: dict[str, str] = getattr(model, "kept_settings", {})
    names = {kept[key] for key in overridden & kept.keys()}
    own = {name: tensor for name, tensor in model.state_dict().items() if name in names}
    return {name: tensor for name, tensor in state.items() if name not in names} | own


def without_buffers(model: torch.nn.Module, state: State) -> State:
    """
    Leaves out the buffers that a model makes itself today and that weights of earlier versions hold
    as well, such as `embeddings.position_ids`, which transformers wrote until 4.30.

    # Raises

    `InvalidArchiveError` for one with other numbers than the model's own.
    """
    buffers, expected = dict(model.named_buffers()), model.state_dict()
    obsolete = [name for name in state if name in buffers and name not in expected]
    for name in obsolete:
        if not _begins_alike(state[name], buffers[name]):
            raise InvalidArchiveError(
                f"`{name}` in its weights is not {str(buffers[name].flatten()[:3].tolist())[:-1]}, "
                "...], which every model of its kind counts."
            )
    return {name: tensor for name, tensor in state.items() if name not in obsolete}


def _begins_alike(given: Tensor, own: Tensor) -> bool:
    """Compares as far as both go; whose positions are more the embeddings of them tell better."""
    length = min(given.numel(), own.numel())
    return torch.equal(given.flatten()[:length].to(own), own.flatten()[:length])


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
    return name.startswith("bert.") or any(part in f".{name}" for part in _ENCODER_PARTS)


def _differ(expected: object, given: object) -> bool:
    return isinstance(expected, Tensor) and getattr(given, "shape", None) != expected.shape


def _may_be_missing(model: torch.nn.Module, names: State) -> Iterator[str]:
    """Yields what a module's class permits to be missing, an idea of AllenNLP's `Model`."""
    for module in model.modules():
        for pattern in getattr(type(module), "authorized_missing_keys", None) or ():
            yield from (name for name in names if re.search(pattern, name))
