"""
The layers of a BERT over a packed row, for prediction on the CPU: one product for query, key and
value, and GELU and residual as a part of the product before them. In float32, or in int8.

The operators of `torch.ops.mkldnn` and `torch.ops.onednn` are those that PyTorch's own compiler
makes use of, and not public: where they are missing, layers stay as they are, slower.
"""

from typing import Any, Callable, Iterator, Optional, Sequence

import torch
from torch import Tensor
from torch.nn.functional import gelu, layer_norm
from transformers import BertConfig, BertModel
from transformers.models.bert.modeling_bert import BertEncoder, BertLayer

from bert_classification.bert.dropout_attention import LengthGroups
from bert_classification.bert.packing import attend_texts, row_step

FLOAT_OPERATORS = ("_linear_pointwise", "_reorder_linear_weight")
_INT8_OPERATORS = ("qlinear_pointwise", "qlinear_prepack")
ROWS = 2048
"""The layout of weights depends on how many rows are multiplied; it is right for any number."""


class FusedLayer:
    """What a layer of BERT does beside attention."""

    def __init__(self, layer: BertLayer, linear: Callable[[Tensor, Tensor], Any]) -> None:
        """`linear` makes a layer of a weight and a bias: `FloatLinear` or `Int8Linear`."""
        attention, output, own = layer.attention.output, layer.output, layer.attention.self
        self._attention_norm, self._norm = attention.LayerNorm, output.LayerNorm
        # Scores are divided by the root of the width of a head; their query can be as well.
        scale = own.attention_head_size**-0.5
        weight = torch.cat([own.query.weight * scale, own.key.weight, own.value.weight]).detach()
        bias = torch.cat([own.query.bias * scale, own.key.bias, own.value.bias]).detach()
        self._projection = linear(weight, bias)
        self._attention_output, self._intermediate, self._output = (
            linear(each.weight.detach(), each.bias.detach())
            for each in (attention.dense, layer.intermediate.dense, output.dense)
        )

    def project(self, states: Tensor) -> Tensor:
        """Makes query, key and value of states, shape `(pieces, 3 * width)`."""
        return self._projection(states)

    def finish(self, attended: Tensor, states: Tensor) -> Tensor:
        """Makes the output of the layer, shape `(pieces, width)`, of what attention has given."""
        states = _normalize(self._attention_norm, self._attention_output.add(attended, states))
        inner = self._intermediate.gelu(states)
        return _normalize(self._norm, self._output.add(inner, states))


class FloatLinear:
    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        self._weight = torch.ops.mkldnn._reorder_linear_weight(weight.contiguous(), ROWS)
        self._bias = bias

    def __call__(self, states: Tensor) -> Tensor:
        return torch.ops.mkldnn._linear_pointwise(states, self._weight, self._bias, "none", [], "")

    def gelu(self, states: Tensor) -> Tensor:
        operator = torch.ops.mkldnn._linear_pointwise
        return operator(states, self._weight, self._bias, "gelu", [], "none")

    def add(self, states: Tensor, residual: Tensor) -> Tensor:
        operator = torch.ops.mkldnn._linear_pointwise.binary
        return operator(states, residual, self._weight, self._bias, "add")


class Int8Linear:
    """
    Weights in 8 bits with a scale for each row, and states with a scale for each piece, so that
    what is given for a text does not depend on the others of its batch.
    """

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        self._scales = weight.abs().amax(1).clamp_min(_TINY).div_(127)
        rounded = (weight / self._scales.unsqueeze(1)).round_().to(torch.int8)
        self._weight = torch.ops.onednn.qlinear_prepack(rounded, [ROWS, weight.size(1)])
        self._zeros = torch.zeros(len(weight), dtype=torch.int64)
        self._bias = bias.clone()

    def __call__(self, states: Tensor) -> Tensor:
        product, scales = self._multiply(states)
        return torch.addcmul(self._bias, product, scales, out=product)

    def gelu(self, states: Tensor) -> Tensor:
        return gelu(self(states))

    def add(self, states: Tensor, residual: Tensor) -> Tensor:
        product, scales = self._multiply(states)
        return torch.addcmul(residual, product, scales, out=product).add_(self._bias)

    def _multiply(self, states: Tensor) -> tuple[Tensor, Tensor]:
        """Gives a product, and what its rows are to be multiplied by, shape `(pieces, 1)`."""
        highest, lowest = states.amax(-1, keepdim=True), states.amin(-1, keepdim=True)
        scales = torch.maximum(highest, -lowest).div_(127).clamp_min_(_TINY)
        rounded = torch.quantize_per_tensor(states / scales, 1.0, _ZERO_POINT, torch.quint8)
        # As `int_repr`, without a copy.
        numbers = torch.empty(0, dtype=torch.uint8).set_(
            rounded.untyped_storage(), 0, rounded.shape, rounded.stride()
        )
        product = torch.ops.onednn.qlinear_pointwise(
            numbers, 1.0, _ZERO_POINT, self._weight, self._scales, self._zeros,
            None, 1.0, 0, torch.float32, "none", [], "",
        )  # fmt: skip
        return product, scales


_TINY = 1e-30
_ZERO_POINT = 128
"""What stands for 0 among the numbers from 0 to 255 that the operator takes."""


class FloatLayers:
    """
    The layers of an encoder in float32, made anew when its weights have been written to or
    replaced. What they hold can be neither copied nor pickled, and is not.
    """

    def __init__(self) -> None:
        self._made: list[FusedLayer] = []
        # Held, so that nothing else comes to lie at their addresses.
        self._sources: list[Tensor] = []
        self._versions: list[tuple[int, int]] = []

    def make(self, encoder: BertEncoder) -> Sequence[FusedLayer]:
        """Makes the layers; none where the weights are not in float32."""
        sources = [each for layer in encoder.layer for each in _sources(layer)]
        if sources[0].dtype is not torch.float32:
            return []
        versions = [version_of(each) for each in sources]
        if versions != self._versions:
            self._made = [FusedLayer(layer, FloatLinear) for layer in encoder.layer]
            # Last, so that another thread does not take older weights for these.
            self._sources = [each.detach() for each in sources]
            self._versions = versions
        return self._made

    def __getstate__(self) -> dict[str, Any]:
        return FloatLayers().__dict__


class Int8Layers:
    """The layers of an encoder in int8, as its weights are now. A copy has none, and is slower."""

    def __init__(self, encoder: BertEncoder) -> None:
        self._made = [FusedLayer(layer, Int8Linear) for layer in encoder.layer]

    def make(self, encoder: BertEncoder) -> Sequence[FusedLayer]:
        return self._made

    def __getstate__(self) -> dict[str, Any]:
        return {"_made": []}


def fuse(bert: BertModel, precision: str) -> None:
    """
    Lets predictions on the CPU run fused layers, `float32` or `int8`, where PyTorch has what they
    take; with another precision, no longer.
    """
    encoder, here = bert.encoder, torch.backends.mkldnn.is_available()
    if not isinstance(encoder.layer[0].output.dense, torch.nn.Linear):
        # In int8 already, and so it stays.
        return
    encoder.fused = None
    if not here or bert.config.hidden_act != "gelu":
        return
    if precision == "float32" and has_operators(torch.ops.mkldnn, FLOAT_OPERATORS):
        encoder.fused = FloatLayers()
    # Without VNNI, sums of products of 8 bits do not fit where they are added up.
    vnni = getattr(torch.cpu, "_is_vnni_supported", lambda: False)()
    types = has_operators(torch, ("quantize_per_tensor", "quint8"))
    if precision == "int8" and vnni and types and has_operators(torch.ops.onednn, _INT8_OPERATORS):
        encoder.fused = Int8Layers(encoder)


def find_layers(bert: BertModel, states: Tensor) -> Sequence[FusedLayer]:
    """Finds the fused layers that states may run through; none where the usual ones have to."""
    fused = getattr(bert.encoder, "fused", None)
    plain = torch.is_grad_enabled() or bert.training or torch.is_autocast_enabled("cpu")
    if fused is None or plain or states.device.type != "cpu" or states.dtype != torch.float32:
        return []
    return fused.make(bert.encoder)


def has_operators(operators: Any, names: Sequence[str]) -> bool:
    return all(hasattr(operators, each) for each in names)


def _sources(layer: BertLayer) -> Iterator[Tensor]:
    own = layer.attention.self
    products = (own.query, own.key, own.value, layer.attention.output.dense)
    for linear in (*products, layer.intermediate.dense, layer.output.dense):
        yield linear.weight
        yield linear.bias


def version_of(tensor: Tensor) -> tuple[int, int]:
    """Tells tensors apart that were written to or lie elsewhere, while they are there."""
    # What is made in inference mode does not count versions.
    return tensor.data_ptr(), 0 if tensor.is_inference() else tensor._version


def run_fused(
    layers: Sequence[FusedLayer],
    config: BertConfig,
    packed: Tensor,
    length_groups: LengthGroups,
    rows: Optional[Tensor] = None,
) -> Tensor:
    """
    Runs the layers over a packed row of shape `(pieces, width)`, whose texts stand as
    `length_groups` says, and gives the same shape; with `rows` only these of the last layer.
    """
    states = packed
    for index, layer in enumerate(layers):
        attended = _attend(layer.project(states), length_groups, config)
        if rows is not None and index == len(layers) - 1:
            kept = round_rows(rows)
            return layer.finish(attended[kept], states[kept])[: len(rows)]
        states = layer.finish(attended, states)
    return states if rows is None else states[rows]


def round_rows(rows: Tensor) -> Tensor:
    """Makes the number of rows a round one, as `round_up` does, by the first one again."""
    added = -len(rows) % row_step(len(rows))
    return torch.cat([rows, rows[:1].expand(added)]) if added else rows


def _attend(projected: Tensor, length_groups: LengthGroups, config: BertConfig) -> Tensor:
    width, heads = config.hidden_size, config.num_attention_heads
    attended = projected.new_empty(len(projected), width)
    pieces = [count * length for count, length in length_groups]
    for group, part, given in zip(length_groups, projected.split(pieces), attended.split(pieces)):
        # (texts, heads, length, width)
        query, key, value = part.view(*group, 3, heads, -1).permute(2, 0, 3, 1, 4)
        texts = attend_texts(query, key, value, config.is_decoder)
        given.view(*group, heads, -1).copy_(texts.transpose(1, 2))
    return attended


def _normalize(norm: torch.nn.LayerNorm, states: Tensor) -> Tensor:
    return layer_norm(states, norm.normalized_shape, norm.weight, norm.bias, norm.eps)
