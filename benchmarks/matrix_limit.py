"""How long the matrix products of a run take by themselves, at the best rate of this machine."""

import statistics
from typing import Any, Callable

import torch
from transformers import BertConfig

from benchmarks.comparison import seconds

_ROWS = 2048
_REPETITIONS = 20


def limit(config: BertConfig, pieces: int, int8: bool = False) -> float:
    """
    Tells how many seconds the matrix products of all layers take for so many word pieces: of 2048
    rows, with weights laid out before and nothing between the products.
    """
    width, inner = config.hidden_size, config.intermediate_size
    shapes = [(width, 3 * width), (width, width), (width, inner), (inner, width)]
    cost = sum(_cost(_int8_product if int8 else _float_product, *shape) for shape in shapes)
    return cost * config.num_hidden_layers * pieces / _ROWS


def _cost(make: Callable[[int, int], Callable[[], Any]], inputs: int, outputs: int) -> float:
    product = make(inputs, outputs)
    with torch.inference_mode():
        return statistics.median(seconds(product) for _ in range(_REPETITIONS))


def _float_product(inputs: int, outputs: int) -> Callable[[], Any]:
    states, weight, bias = torch.randn(_ROWS, inputs), torch.randn(outputs, inputs), None
    packed = torch.ops.mkldnn._reorder_linear_weight(weight, _ROWS)
    return lambda: torch.ops.mkldnn._linear_pointwise(states, packed, bias, "none", [], "")


def _int8_product(inputs: int, outputs: int) -> Callable[[], Any]:
    states = torch.randint(0, 256, (_ROWS, inputs), dtype=torch.uint8)
    weight = torch.randint(-127, 128, (outputs, inputs), dtype=torch.int8)
    packed = torch.ops.onednn.qlinear_prepack(weight, [_ROWS, inputs])
    scales, zeros = torch.ones(outputs), torch.zeros(outputs, dtype=torch.int64)
    return lambda: torch.ops.onednn.qlinear_pointwise(
        states, 1.0, 128, packed, scales, zeros, None, 1.0, 0, torch.float32, "none", [], ""
    )
