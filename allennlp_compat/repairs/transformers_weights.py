"""Files of weights, today's and those of earlier versions of transformers."""

import copy
import json
import os
import re
import sys
from typing import Any, Iterator

from allennlp_compat.hook import USERS_OF_TRANSFORMERS, log, repair


@repair("allennlp.models.model", *USERS_OF_TRANSFORMERS)
def weights_with_position_ids() -> Iterator[None]:
    """
    Drops `embeddings.position_ids` where a model has no such buffer: files of before transformers
    4.31 hold it, among them the archives of all AllenNLP 2.
    """
    yield
    from transformers import PreTrainedModel

    module = sys.modules.get("allennlp.models.model")
    for owner in (PreTrainedModel, getattr(module, "Model", None)):
        if owner is not None and owner.load_state_dict.__module__ != __name__:
            owner.load_state_dict = _load_without_position_ids(owner.load_state_dict)
            log(f"{owner.__name__}.load_state_dict: position_ids are dropped")


def _load_without_position_ids(theirs):
    def load_state_dict(self, state_dict, *args, **kwargs):
        old = [key for key in state_dict if key.rpartition(".")[2] == "position_ids"]
        if old:
            known = self.state_dict().keys()
            state_dict = copy.copy(state_dict)
            for key in old:
                if key not in known:
                    del state_dict[key]
        return theirs(self, state_dict, *args, **kwargs)

    return load_state_dict


@repair("allennlp.modules.transformer.transformer_module")
def pretrained_modules_from_safetensors() -> Iterator[None]:
    """
    Reads what checkpoints hold today, where `TransformerModule.from_pretrained_module` looks for
    `pytorch_model.bin` alone: safetensors, and both in several files.
    """
    yield
    module = sys.modules["allennlp.modules.transformer.transformer_module"]
    theirs = module.TransformerModule._get_pretrained_state_dict.__func__

    def _get_pretrained_state_dict(
        cls, model_name, weights_path=None, relevant_module=None, ignore=None
    ):
        path = weights_path or _find_weights(model_name)
        if path is None or str(path).endswith(".bin"):
            return theirs(cls, model_name, path, relevant_module, ignore)
        patterns = (cls._pretrained_ignore if ignore is None else ignore) or []
        state = {
            key: value
            for key, value in _read_weights(str(path), model_name).items()
            if not any(re.match(pattern, key) for pattern in patterns)
        }
        return cls._get_relevant_submodule_state(state, relevant_module=relevant_module)

    module.TransformerModule._get_pretrained_state_dict = classmethod(_get_pretrained_state_dict)
    log("TransformerModule: weights from safetensors")


_NAMES = (
    "pytorch_model.bin",
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin.index.json",
)


def _find_weights(model_name: str) -> str | None:
    """Gives the first file of weights that there is; none of all is left to AllenNLP to tell."""
    return next((path for name in _NAMES if (path := _locate(model_name, name))), None)


def _locate(model_name: str, name: str) -> str | None:
    from allennlp.common.file_utils import cached_path
    from huggingface_hub.errors import EntryNotFoundError

    if os.path.isdir(model_name):
        path = os.path.join(model_name, name)
        return path if os.path.isfile(path) else None
    try:
        return str(cached_path(f"hf://{model_name}/{name}"))
    except (FileNotFoundError, EntryNotFoundError):
        return None


def _read_weights(path: str, model_name: str) -> dict[str, Any]:
    if not path.endswith(".json"):
        return _read_file(path)
    with open(path, encoding="utf-8") as file:
        names = sorted(set(json.load(file)["weight_map"].values()))
    state: dict[str, Any] = {}
    for name in names:
        shard = _locate(model_name, name) or os.path.join(os.path.dirname(path), name)
        state.update(_read_file(shard))
    return state


def _read_file(path: str) -> dict[str, Any]:
    # A path in the cache has no suffix; the format says itself what it is.
    import torch
    from safetensors.torch import load_file

    return torch.load(path, map_location="cpu") if _is_pickle(path) else load_file(path)


def _is_pickle(path: str) -> bool:
    with open(path, "rb") as file:
        return file.read(2) in (b"PK", b"\x80\x02")
