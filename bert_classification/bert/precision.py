"""What a trained BERT computes with at prediction: float32, bfloat16, float16 or int8."""

import warnings
from typing import Any, Callable, Optional

import torch
from allennlp.common.checks import ConfigurationError
from torch import Tensor
from transformers import BertModel

from bert_classification.bert.fused import (
    FLOAT_OPERATORS,
    ROWS,
    fuse,
    has_operators,
    version_of,
)

# Of the engines that PyTorch may have been built with, the fastest one comes first.
_INT8_ENGINES = ("onednn", "x86", "fbgemm", "qnnpack")


def set_precision(bert: BertModel, precision: str) -> None:
    """
    Changes the layers of a BERT, which is most of the work; embeddings and heads stay in float32.

    # Parameters

    bert : `BertModel`
        Where it is to run. Only with `float32` it can still be trained.
    precision : `str`
        `float32`; `bfloat16`; `float16`, for GPUs, which has finer steps and a smaller range, and
        on the CPU is seldom faster than float32; or `int8`, on the CPU: weights in 8 bits with a
        scale for each row, activations quantized as they come (dynamic quantization), with a scale
        for each word piece where the processor has VNNI.

    # Raises

    `ConfigurationError` for another word, and where the machine does not have it.
    """
    set_layers: dict[str, Callable[[torch.nn.Module], None]] = {
        "float32": _prepack_weights,
        "bfloat16": _to_bfloat16,
        "float16": lambda encoder: _to_half(encoder, torch.float16),
        "int8": _quantize,
    }
    if precision not in list(set_layers):
        raise ConfigurationError(f"`precision` is {precision!r}; expected {', '.join(set_layers)}.")
    # Of weights that int8 is about to replace.
    fuse(bert, precision)
    set_layers[precision](bert.encoder)


class PrepackedLinear(torch.nn.Linear):
    """
    A linear layer that, without gradients on the CPU, multiplies by its weights in the layout that
    oneDNN is fastest with. The two operators of `torch.ops.mkldnn` are PyTorch's own, not public:
    when one moves, `_prepack_weights` finds none and layers stay as they are, slower; when one
    changes its arguments, the first prediction on the CPU fails here.
    """

    _prepacked: Optional[Tensor] = None
    # What was prepacked, held so that nothing else comes to lie at its address, and its version.
    _source: Optional[Tensor] = None
    _source_version: Optional[tuple[int, int]] = None

    def forward(self, input: Tensor) -> Tensor:
        if torch.is_grad_enabled() or input.device.type != "cpu" or input.dtype != torch.float32:
            return super().forward(input)
        weight = self._prepack()
        return torch.ops.mkldnn._linear_pointwise(input, weight, self.bias, "none", [], "")

    def _prepack(self) -> Tensor:
        version = version_of(self.weight)
        if self._prepacked is None or self._source_version != version:
            source = self.weight.detach()
            self._prepacked = torch.ops.mkldnn._reorder_linear_weight(source, ROWS)
            # Last, so that another thread does not take older weights for these.
            self._source, self._source_version = source, version
        return self._prepacked

    def __getstate__(self) -> dict[str, Any]:
        """Leaves out what is prepacked, which can be neither copied nor pickled."""
        left_out = ("_prepacked", "_source", "_source_version")
        return {key: value for key, value in self.__dict__.items() if key not in left_out}


def _prepack_weights(encoder: torch.nn.Module) -> None:
    there = has_operators(torch.ops.mkldnn, FLOAT_OPERATORS)
    if torch.backends.mkldnn.is_available() and there:
        for module in encoder.modules():
            if type(module) is torch.nn.Linear:
                module.__class__ = PrepackedLinear


def _to_bfloat16(encoder: torch.nn.Module) -> None:
    device = next(encoder.parameters()).device
    if device.type == "cuda" and not torch.cuda.is_bf16_supported():
        raise ConfigurationError(
            "`precision` is bfloat16, which this GPU does not have; `float16` is what it has."
        )
    _to_half(encoder, torch.bfloat16)


def _to_half(encoder: torch.nn.Module, dtype: torch.dtype) -> None:
    encoder.to(dtype)
    encoder.register_forward_pre_hook(lambda _, states: (states[0].to(dtype), *states[1:]))
    encoder.register_forward_hook(_to_float32)


def _to_float32(encoder: torch.nn.Module, states: Any, output: Any) -> Any:
    output.last_hidden_state = output.last_hidden_state.float()
    return output


def _quantize(encoder: torch.nn.Module) -> None:
    if next(encoder.parameters()).device.type != "cpu":
        raise ConfigurationError("`precision` is int8, which works on the CPU only.")
    supported = torch.backends.quantized.supported_engines
    engine = next((each for each in _INT8_ENGINES if each in supported), None)
    if engine is None:
        raise ConfigurationError("`precision` is int8, for which this PyTorch has no engine.")
    before = torch.backends.quantized.engine
    torch.backends.quantized.engine = engine
    try:
        # A predictor in float32 may have come first.
        layers: list[Any] = [each for each in encoder.modules() if type(each) is PrepackedLinear]
        for layer in layers:
            layer.__class__ = torch.nn.Linear
        per_row = torch.ao.quantization.per_channel_dynamic_qconfig
        with warnings.catch_warnings():
            # That PyTorch will give up these types; it says so once, at the first number.
            warnings.filterwarnings("ignore", "torch.quantize_per_tensor", UserWarning)
            # In place: a copy would have a configuration of its own, without the packed attention.
            torch.ao.quantization.quantize_dynamic(
                encoder, {torch.nn.Linear: per_row}, inplace=True
            )
    finally:
        torch.backends.quantized.engine = before
