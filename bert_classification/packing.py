"""
The texts of a padded batch laid end to end in one row, and attention within each of them.

Everything in BERT but attention works on single positions. Attention is done by a function that is
registered with the public attention interface of transformers 5; texts of equal length lie side by
side in the row, so that one call serves them all.
"""

from typing import NamedTuple, Optional

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from bert_classification.dropout_attention import DropoutAttention

ATTENTION = "bert_classification_packed"
SHORT = 40
"""Up to so many pieces two matrix products on the CPU take less time than PyTorch's attention."""


class Packing(NamedTuple):
    """
    Where the pieces of a padded batch stand in the row.

    places : `Tensor`, shape `(pieces,)`, of each piece of the row in the flattened batch.
    positions : `Tensor`, shape `(pieces,)`, of each piece in its own text.
    starts : `Tensor`, shape `(texts,)`, where each text of the batch begins in the row; for one
    without a piece, some place in it.
    groups : `List[Tuple[int, int]]`
        How many texts of which length follow each other in the row.
    """

    places: Tensor
    positions: Tensor
    starts: Tensor
    groups: list[tuple[int, int]]


def pack(mask: Tensor) -> Packing:
    """The packing of a batch whose pieces `mask`, of shape `(texts, length)`, shows."""
    lengths = mask.sum(-1)
    sorted_lengths, order = lengths.sort(stable=True)
    columns = torch.arange(mask.size(1), device=mask.device)
    places = (order.unsqueeze(1) * mask.size(1) + columns)[mask[order]]
    positions = (mask.cumsum(-1) - 1).flatten()[places]
    starts = torch.empty_like(lengths)
    starts[order] = (sorted_lengths.cumsum(0) - sorted_lengths).clamp(max=max(len(places) - 1, 0))
    sizes, counts = sorted_lengths.unique_consecutive(return_counts=True)
    groups = [group for group in zip(counts.tolist(), sizes.tolist()) if group[1]]
    return Packing(places, positions, starts, groups)


def round_up(row: Tensor, groups: list[tuple[int, int]]) -> tuple[Tensor, list[tuple[int, int]]]:
    """
    A row of shape `(1, pieces, width)` that is a few pieces longer, for prediction on the CPU, and
    its groups. oneDNN compiles a program for each number of pieces that it meets, in milliseconds
    and up to a megabyte; of all numbers below 2048 that would be a gigabyte.

    What is added is the row's own beginning as one more text, so that it does not widen the range
    which int8 has to cover.
    """
    pieces = row.size(1)
    step = max(4, 1 << pieces.bit_length() >> 5)
    added = min(-pieces % step, pieces)
    if not added or torch.is_grad_enabled() or row.device.type != "cpu":
        return row, groups
    return torch.cat([row, row[:, :added]], 1), groups + [(1, added)]


def attend(
    module: torch.nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Optional[Tensor],
    dropout: float = 0.0,
    scaling: Optional[float] = None,
    groups: Optional[list[tuple[int, int]]] = None,
    **kwargs,
):
    """
    Attention within each text of a row, shape `(1, heads, pieces, width)`, whose texts stand as
    `Packing.groups` says; without `groups` as usual.
    """
    if groups is None:
        return sdpa_attention_forward(
            module, query, key, value, attention_mask, dropout=dropout, scaling=scaling, **kwargs
        )
    rows = [states.squeeze(0).transpose(0, 1) for states in (query, key, value)]
    causal = getattr(module, "is_causal", False)
    scale = query.size(-1) ** -0.5 if scaling is None else scaling
    by_hand = not causal and query.device.type == "cpu" and query.dtype is torch.float32
    if by_hand and 0 < dropout < 1:
        rows[0] = rows[0] * scale
        return DropoutAttention.apply(*rows, groups, dropout).unsqueeze(0), None
    pieces = [count * length for count, length in groups]
    attended = []
    for group, *parts in zip(groups, *(states.split(pieces) for states in rows)):
        # (texts, heads, length, width)
        q, k, v = (part.unflatten(0, group).transpose(1, 2) for part in parts)
        if by_hand and not dropout and group[1] <= SHORT and not torch.is_grad_enabled():
            texts = (q * scale @ k.transpose(-1, -2)).softmax(-1) @ v
        else:
            texts = scaled_dot_product_attention(
                q, k, v, dropout_p=dropout, is_causal=causal, scale=scale
            )
        attended.append(texts.transpose(1, 2).flatten(0, 1))
    return torch.cat(attended).unsqueeze(0), None


AttentionInterface.register(ATTENTION, attend)
AttentionMaskInterface.register(ATTENTION, sdpa_mask)
