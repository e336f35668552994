"""Attention with dropout for training on the CPU, in as few operations as it takes."""

from typing import Any, Iterable, Iterator

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from bert_classification.dropout import kept


class DropoutAttention(torch.autograd.Function):
    """
    Attention within each text of a row, whose texts stand as `Packing.groups` says. With dropout,
    PyTorch's own attention is a dozen operations on the CPU, each of which autograd records and
    takes back; in random batches nearly every text has a length, and a call, of its own.

    `query`, `key` and `value` have the shape `(pieces, heads, width)`, and so has what it returns.
    `query` is scaled already. `dropout` is below 1.
    """

    @staticmethod
    def forward(
        ctx: Any,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        groups: list[tuple[int, int]],
        dropout: float,
    ) -> Tensor:
        ctx.groups, (_, ctx.heads, _) = groups, query.shape
        # Of all texts at once: a call costs more than the numbers for a short text.
        counts = _weights(groups, ctx.heads)
        factors = kept(sum(counts), dropout, query.dtype)
        saved, attended = [factors], []
        parts = (_by_group(states, groups) for states in (query, key, value))
        for q, k, v, factor in zip(*parts, factors.split(counts)):
            weights = torch.bmm(q, k.transpose(1, 2)).softmax(-1)
            attended.append(torch.bmm(weights * factor.view_as(weights), v))
            saved += [q, k, v, weights]
        ctx.save_for_backward(*saved)
        return _row(attended, groups)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Any, ...]:
        factors, *saved = ctx.saved_tensors
        q_rows, k_rows, v_rows = [], [], []
        for q, k, v, weights, factor, grad in zip(
            *(saved[start::4] for start in range(4)),
            factors.split(_weights(ctx.groups, ctx.heads)),
            _by_group(gradient, ctx.groups),
        ):
            factor = factor.view_as(weights)
            v_rows.append(torch.bmm((weights * factor).transpose(1, 2), grad))
            grad = torch.bmm(grad, v.transpose(1, 2)).mul_(factor)
            # Of softmax: what goes beyond the mean that the weights themselves make.
            grad = torch._softmax_backward_data(grad, weights, -1, weights.dtype)
            q_rows.append(torch.bmm(grad, k))
            k_rows.append(torch.bmm(grad.transpose(1, 2), q))
        return *(_row(rows, ctx.groups) for rows in (q_rows, k_rows, v_rows)), None, None


def _weights(groups: Iterable[tuple[int, int]], heads: int) -> list[int]:
    """How many attention weights the texts of each group have."""
    return [count * heads * length * length for count, length in groups]


def _by_group(states: Tensor, groups: list[tuple[int, int]]) -> Iterator[Tensor]:
    """Of each group the states, shape `(texts * heads, length, width)`."""
    for group, part in zip(groups, states.split([count * length for count, length in groups])):
        yield part.unflatten(0, group).transpose(1, 2).flatten(0, 1)


def _row(parts: list[Tensor], groups: list[tuple[int, int]]) -> Tensor:
    """What `_by_group` takes apart."""
    texts = (part.unflatten(0, (count, -1)) for part, (count, _) in zip(parts, groups))
    return torch.cat([part.transpose(1, 2).flatten(0, 1) for part in texts])
