"""Dropout for training on the CPU, where PyTorch's own takes a good part of a step for chance."""

from typing import Optional

import torch
from torch import Tensor
from transformers import BertConfig


class Dropout(torch.nn.Dropout):
    """
    `torch.nn.Dropout` that takes its random numbers 16 bits at a time, from the same generator, so
    that `dropout` is rounded to a 65,536th.
    """

    def forward(self, input: Tensor) -> Tensor:
        ours = self.training and not self.inplace and 0 < self.p < 1
        if not ours or input.device.type != "cpu" or not input.is_floating_point():
            return super().forward(input)
        return input * dropout_mask(input.numel(), self.p, input.dtype).view_as(input)


def set_dropout(model: torch.nn.Module) -> None:
    """Turns every `torch.nn.Dropout` of a model into one of ours, in place."""
    for module in model.modules():
        if type(module) is torch.nn.Dropout:
            module.__class__ = Dropout


def head_dropout(dropout: Optional[float], config: BertConfig) -> torch.nn.Dropout:
    """
    Makes the dropout before the head of a task. `None` stands for what the checkpoint says, as in
    transformers: `classifier_dropout`, or where there is none `hidden_dropout_prob`.
    """
    if dropout is None:
        dropout = config.classifier_dropout
    return torch.nn.Dropout(config.hidden_dropout_prob if dropout is None else dropout)


def dropout_mask(count: int, dropout: float, dtype: torch.dtype) -> Tensor:
    """
    Draws what dropout multiplies so many numbers by: 0 with the probability `dropout`, which is
    below 1, and otherwise `1 / (1 - dropout)`. Shape `(count,)`.
    """
    # A draw has 64 bits, four of 16.
    draws = torch.empty(-(-count // 4), dtype=torch.int64).random_(-(2**63), None)
    dropped = round(dropout * 2**16) - 2**15
    return (draws.view(torch.int16)[:count] >= dropped).to(dtype).div_(1 - dropout)
