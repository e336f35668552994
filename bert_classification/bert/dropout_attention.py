"""Attention with dropout for training on the CPU, in as few operations as it takes."""

from typing import Any, Iterator

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from bert_classification.bert.dropout import dropout_mask

LengthGroups = list[tuple[int, int]]
"""How many texts of which length follow each other in a packed row."""


class DropoutAttention(torch.autograd.Function):
    """
    Attention within each text of a packed row. With dropout, PyTorch's own attention is a dozen
    operations on the CPU, each of which autograd records and takes back; in random batches nearly
    every text has a length, and a call, of its own.

    `query`, `key` and `value` have the shape `(pieces, heads, width)`, and so has what it returns.
    `query` is scaled already. `dropout` is below 1.
    """

    @staticmethod
    def forward(
        ctx: Any,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        length_groups: LengthGroups,
        dropout: float,
    ) -> Tensor:
        ctx.length_groups, (_, ctx.heads, _) = length_groups, query.shape
        # Of all texts at once: a call costs more than the numbers for a short text.
        counts = _weights(length_groups, ctx.heads)
        factors = dropout_mask(sum(counts), dropout, query.dtype)
        saved, attended = [factors], []
        parts = (_by_group(states, length_groups) for states in (query, key, value))
        for q, k, v, factor in zip(*parts, factors.split(counts)):
            # (texts * heads, length, length)
            weights = torch.bmm(q, k.transpose(1, 2)).softmax(-1)
            attended.append(torch.bmm(weights * factor.view_as(weights), v))
            saved += [q, k, v, weights]
        ctx.save_for_backward(*saved)
        return _join_groups(attended, length_groups)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Any, ...]:
        factors, *saved = ctx.saved_tensors
        q_grads, k_grads, v_grads = [], [], []
        for q, k, v, weights, factor, grad in zip(
            *(saved[start::4] for start in range(4)),
            factors.split(_weights(ctx.length_groups, ctx.heads)),
            _by_group(gradient, ctx.length_groups),
        ):
            # Each of (texts * heads, length, width), but weights and their factor of
            # (texts * heads, length, length).
            factor = factor.view_as(weights)
            v_grads.append(torch.bmm((weights * factor).transpose(1, 2), grad))
            # Of the weights, and then of the scores: (texts * heads, length, length)
            grad = torch.bmm(grad, v.transpose(1, 2)).mul_(factor)
            # Of softmax: what goes beyond the mean that the weights themselves make.
            grad = torch._softmax_backward_data(grad, weights, -1, weights.dtype)
            q_grads.append(torch.bmm(grad, k))
            k_grads.append(torch.bmm(grad.transpose(1, 2), q))
        gradients = (q_grads, k_grads, v_grads)
        return *(_join_groups(each, ctx.length_groups) for each in gradients), None, None


def _weights(length_groups: LengthGroups, heads: int) -> list[int]:
    """Counts the attention weights of the texts of each group."""
    return [count * heads * length * length for count, length in length_groups]


def _by_group(states: Tensor, length_groups: LengthGroups) -> Iterator[Tensor]:
    """Yields the states of each group, shape `(texts * heads, length, width)`."""
    pieces = [count * length for count, length in length_groups]
    for group, part in zip(length_groups, states.split(pieces)):
        yield part.unflatten(0, group).transpose(1, 2).flatten(0, 1)


def _join_groups(parts: list[Tensor], length_groups: LengthGroups) -> Tensor:
    """Puts together what `_by_group` takes apart, shape `(pieces, heads, width)`."""
    texts = (part.unflatten(0, (count, -1)) for part, (count, _) in zip(parts, length_groups))
    return torch.cat([part.transpose(1, 2).flatten(0, 1) for part in texts])
