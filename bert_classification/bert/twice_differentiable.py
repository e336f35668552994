"""Attention whose gradient has a gradient, for influence functions; PyTorch's own has none."""

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention


class TwiceDifferentiableAttention(torch.autograd.Function):
    """
    Attention that is PyTorch's own, as fast and with as little memory, until somebody asks for a
    gradient that has a gradient itself (`create_graph=True`), as AllenNLP's influence functions do.
    That one is computed anew, from matrix products.

    `query`, `key` and `value` have the shape `(texts, heads, length, width)`, and so has what it
    returns.
    """

    @staticmethod
    def forward(
        ctx: Any, query: Tensor, key: Tensor, value: Tensor, causal: bool, scale: float
    ) -> Tensor:
        ctx.save_for_backward(query, key, value)
        ctx.causal, ctx.scale = causal, scale
        with torch.enable_grad():
            q, k, v = (states.detach().requires_grad_() for states in (query, key, value))
            ctx.inputs = (q, k, v)
            ctx.output = scaled_dot_product_attention(q, k, v, is_causal=causal, scale=scale)
        return ctx.output.detach()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Any, ...]:
        if torch.is_grad_enabled():
            query, key, value = ctx.saved_tensors
            attended = _attend(query, key, value, ctx.causal, ctx.scale)
            found = torch.autograd.grad(attended, (query, key, value), gradient, create_graph=True)
        else:
            found = torch.autograd.grad(ctx.output, ctx.inputs, gradient, retain_graph=True)
        return (*found, None, None)


def _attend(query: Tensor, key: Tensor, value: Tensor, causal: bool, scale: float) -> Tensor:
    # (texts, heads, length, length)
    scores = query * scale @ key.transpose(-1, -2)
    if causal:
        scores = scores.masked_fill(torch.ones_like(scores).triu(1).bool(), -torch.inf)
    return scores.softmax(-1) @ value
