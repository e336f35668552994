"""Tensors that AllenNLP stores with `pickle`, and PyTorch 2.6 reads as data alone."""

import pickle
import sys
from typing import Any, Iterator

from allennlp_compat.hook import log, repair
from allennlp_compat.overlay import Overlay


@repair("allennlp.common.file_utils")
def tensor_cache_can_be_read() -> Iterator[None]:
    """
    Writes a `TensorCache` with the version of pickle that `torch.load` reads today, which is 2, and
    reads those that were written with another, from which it takes tensors and nothing else.
    """
    yield
    module = sys.modules["allennlp.common.file_utils"]
    module.pickle = Overlay(module.pickle, HIGHEST_PROTOCOL=2)
    module.torch = Overlay(module.torch, load=_load_tensor)
    log("TensorCache: pickle protocol 2")


def _load_tensor(buffer, **kwargs) -> Any:
    import torch

    # Records of before PyTorch 1.6 are read by `load`.
    restricted = Overlay(pickle, Unpickler=_TensorUnpickler, load=_load_restricted)
    return torch.load(buffer, pickle_module=restricted, weights_only=False, **kwargs)


def _load_restricted(file, **kwargs) -> Any:
    return _TensorUnpickler(file, **kwargs).load()


class _TensorUnpickler(pickle.Unpickler):
    # `torch.load` takes care of the storages.
    _permitted = {
        ("torch._utils", "_rebuild_tensor_v2"),
        ("torch._utils", "_rebuild_parameter"),
        ("collections", "OrderedDict"),
    }

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in self._permitted:
            raise pickle.UnpicklingError(f"a TensorCache holds tensors, not {module}.{name}")
        return super().find_class(module, name)
