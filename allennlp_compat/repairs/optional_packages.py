"""Packages that AllenNLP imports for parts that few use need not be installed."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Iterator

from allennlp_compat.hook import repair
from allennlp_compat.stand_in import stand_in


@repair(
    "allennlp.data.image_loader",
    "allennlp.modules.vision.grid_embedder",
    "allennlp.modules.vision.region_detector",
)
def torchvision_is_optional() -> Iterator[None]:
    """
    Does without torchvision, which only the vision models use, and which has no CPU build beside
    `torch==2.13.0`.
    """
    return stand_in(["torchvision", "torchvision.ops", "torchvision.ops.boxes"])


@repair(
    "allennlp.nn.parallel.fairscale_fsdp_accelerator",
    "allennlp.nn.checkpoint.fairscale_checkpoint_wrapper",
)
def fairscale_is_optional() -> Iterator[None]:
    """
    Does without fairscale, which was archived in 2023 and has no wheel; `torch.distributed` took
    over its parts.
    """
    import torch

    names = ["nn", "nn.wrap", "nn.misc", "nn.checkpoint", "optim", "optim.grad_scaler"]
    return stand_in(["fairscale"] + [f"fairscale.{name}" for name in names], torch.nn.Module)


@repair("allennlp_models.generation.dataset_readers.cnn_dm")
def ftfy_is_optional() -> Iterator[None]:
    return stand_in(["ftfy"])


@repair("allennlp_models.rc.dataset_readers.drop")
def word2number_is_optional() -> Iterator[None]:
    return stand_in(["word2number", "word2number.w2n"])


@repair("allennlp_models.structured_prediction.dataset_readers.universal_dependencies")
def conllu_is_optional() -> Iterator[None]:
    return stand_in(["conllu"])


@repair("allennlp_models.rc.tools.narrativeqa")
def rouge_is_optional() -> Iterator[None]:
    """
    Does without py-rouge, and lets it find its files where setuptools no longer brings
    `pkg_resources`, since version 82.
    """
    missing = importlib.util.find_spec("pkg_resources") is None
    if missing:
        sys.modules["pkg_resources"] = _make_pkg_resources()
    try:
        yield from stand_in(["rouge"], package="py-rouge")
    finally:
        if missing:
            del sys.modules["pkg_resources"]


def _make_pkg_resources() -> ModuleType:
    def resource_filename(module: str, name: str) -> str:
        return str(Path(sys.modules[module].__file__ or "").with_name(name))

    module = ModuleType("pkg_resources")
    module.__dict__["resource_filename"] = resource_filename
    return module
