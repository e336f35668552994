"""
What the metrics of a model have counted so far, in types that a checkpoint holds. AllenNLP's
checkpoints within an epoch lack it.
"""

from typing import Any, Iterator

import numpy
import torch
from allennlp.training.metrics import Metric

Counted = dict[str, Any]

PLAIN = (bool, int, float, str, type(None), torch.Tensor, numpy.generic)
"""Types that are kept as they are."""

ARRAY, TENSOR = "numpy.ndarray", "torch.Tensor"
"""What stands before the tensor of an array, and before a tensor and the device it was on."""


def find_metrics(model: torch.nn.Module) -> dict[str, Metric]:
    """Finds the metrics of a model, by the names of the attributes that lead to them."""
    return dict(_walk(model, "", set()))


def _walk(value: Any, name: str, seen: set[int]) -> Iterator[tuple[str, Metric]]:
    if id(value) in seen:
        return
    seen.add(id(value))
    if isinstance(value, Metric):
        yield name, value
    for key, child in _children(value):
        yield from _walk(child, f"{name}.{key}", seen)


def _children(value: Any) -> Iterator[tuple[Any, Any]]:
    if isinstance(value, (torch.nn.Module, Metric)):
        yield from vars(value).items()
    elif isinstance(value, dict):
        yield from value.items()
    elif isinstance(value, (list, tuple)):
        # A list of plain values, such as labels or texts, may be long.
        yield from ((i, each) for i, each in enumerate(value) if not isinstance(each, PLAIN))


def metric_states(model: torch.nn.Module) -> dict[str, Counted]:
    """Gives what each metric has counted, in types that PyTorch reads without running anything."""
    return {name: _state(metric) for name, metric in find_metrics(model).items()}


def _state(metric: Metric) -> Counted:
    return {name: _encode(value) for name, value in vars(metric).items() if _is_kept(value)}


def restore_metric_states(model: torch.nn.Module, states: dict[str, Counted]) -> None:
    """Takes what `metric_states` has given of the same model."""
    for name, metric in find_metrics(model).items():
        for key, value in states.get(name, {}).items():
            setattr(metric, key, _decode(value))


def list_lengths(model: torch.nn.Module) -> list[tuple[list, int]]:
    """Gives the lists in which metrics collect what they score at the end, and their lengths."""
    lists = [
        value
        for metric in find_metrics(model).values()
        for value in vars(metric).values()
        if isinstance(value, list)
    ]
    return [(each, len(each)) for each in lists]


def _is_kept(value: Any) -> bool:
    if isinstance(value, dict):
        return all(map(_is_kept, value.values()))
    if isinstance(value, (list, tuple)):
        return all(map(_is_kept, value))
    return isinstance(value, (*PLAIN, numpy.ndarray))


def _encode(value: Any) -> Any:
    if isinstance(value, numpy.ndarray):
        return (ARRAY, torch.from_numpy(value.copy()))
    if isinstance(value, torch.Tensor):
        return (TENSOR, value.device.type, value.detach().cpu().clone())
    if isinstance(value, dict):
        return {key: _encode(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return (list if isinstance(value, list) else tuple)(map(_encode, value))
    return value


def _decode(value: Any) -> Any:
    if isinstance(value, tuple) and value[:1] == (ARRAY,):
        return value[1].numpy()
    if isinstance(value, tuple) and value[:1] == (TENSOR,):
        return value[2].to(value[1])
    if isinstance(value, dict):
        return {key: _decode(each) for key, each in value.items()}
    return type(value)(map(_decode, value)) if isinstance(value, (list, tuple)) else value
