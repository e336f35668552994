"""
The texts of a padded batch laid end to end in one packed row, and attention within each of them.

Everything in BERT but attention works on single positions. Attention is done by a function that is
registered with the public attention interface of transformers 5; texts of equal length lie side by
side in the row, so that one call serves them all.
"""

from typing import NamedTuple, Optional

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface, AttentionMaskInterface, BertModel
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask
from transformers.models.bert.modeling_bert import eager_attention_forward

from bert_classification.bert.dropout_attention import DropoutAttention, LengthGroups
from bert_classification.bert.twice_differentiable import TwiceDifferentiableAttention

ATTENTION = "bert_classification_packed"
MAX_MATMUL_LENGTH = 40
"""Up to so many pieces two matrix products on the CPU take less time than PyTorch's attention."""


class Packing(NamedTuple):
    """
    Where the pieces of a padded batch stand in the packed row.

    indices : `Tensor`, shape `(pieces,)`, of each piece of the row in the flattened batch.
    positions : `Tensor`, shape `(pieces,)`, of each piece in its own text.
    first_pieces : `Tensor`, shape `(texts,)`: the index in the row of the first piece of each text
        of the batch; for a text without a piece, any index in the row.
    length_groups : `List[Tuple[int, int]]`
        How many texts of which length follow each other in the row.
    """

    indices: Tensor
    positions: Tensor
    first_pieces: Tensor
    length_groups: LengthGroups


def pack(mask: Tensor, in_order: bool = False) -> Packing:
    """
    Computes the packing of a batch whose pieces `mask`, of shape `(texts, length)`, shows: shorter
    texts come first, or all of them `in_order`.
    """
    # (texts,)
    lengths = mask.sum(-1)
    # Both (texts,)
    sorted_lengths, order = lengths.sort(stable=True)
    if in_order:
        sorted_lengths, order = lengths, torch.arange(len(lengths), device=mask.device)
    columns = torch.arange(mask.size(1), device=mask.device)
    # (texts, length), of which the mask leaves (pieces,).
    indices = (order.unsqueeze(1) * mask.size(1) + columns)[mask[order]]
    # (pieces,)
    positions = (mask.cumsum(-1) - 1).flatten()[indices]
    # (texts,): where each text ends in the row.
    cu_seqlens = sorted_lengths.cumsum(0)
    first_pieces = torch.empty_like(lengths)
    first_pieces[order] = (cu_seqlens - sorted_lengths).clamp(max=max(len(indices) - 1, 0))
    # Both (groups,)
    sizes, counts = sorted_lengths.unique_consecutive(return_counts=True)
    length_groups = [group for group in zip(counts.tolist(), sizes.tolist()) if group[1]]
    return Packing(indices, positions, first_pieces, length_groups)


def round_up(packed: Tensor, length_groups: LengthGroups) -> tuple[Tensor, LengthGroups]:
    """
    Makes a packed row of shape `(1, pieces, width)` a few pieces longer, for prediction on the CPU,
    and its groups. oneDNN compiles a program for each number of pieces that it meets, in
    milliseconds and up to a megabyte; of all numbers below 2048 that would be a gigabyte.

    What is added is the row's own beginning as one more text, so that it does not widen the range
    which int8 has to cover.
    """
    pieces = packed.size(1)
    added = min(-pieces % row_step(pieces), pieces)
    if not added or torch.is_grad_enabled() or packed.device.type != "cpu":
        return packed, length_groups
    return torch.cat([packed, packed[:, :added]], 1), length_groups + [(1, added)]


def row_step(rows: int) -> int:
    """Gives of what a round number of rows is a multiple: about a thirtieth."""
    return max(4, 1 << rows.bit_length() >> 5)


def use_packed_attention(bert: BertModel) -> None:
    """Lets a BERT call `attend`, once: what a single call needs is said by its arguments."""
    bert.set_attn_implementation(ATTENTION)


def attend(
    module: torch.nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Optional[Tensor],
    dropout: float = 0.0,
    scaling: Optional[float] = None,
    length_groups: Optional[LengthGroups] = None,
    attention_weights: bool = False,
    **kwargs,
):
    """
    Computes attention within each text of a packed row, shape `(1, heads, pieces, width)`, whose
    texts stand as `length_groups` says. Without `length_groups` it is the usual attention over a
    padded batch, with `attention_weights` in the way that gives them.
    """
    if attention_weights:
        mask = _additive_mask(module, query, key, attention_mask)
        return eager_attention_forward(module, query, key, value, mask, scaling, dropout)
    if length_groups is None:
        return sdpa_attention_forward(
            module, query, key, value, attention_mask, dropout=dropout, scaling=scaling, **kwargs
        )
    # (pieces, heads, width)
    packed = [states.squeeze(0).transpose(0, 1) for states in (query, key, value)]
    causal = getattr(module, "is_causal", False)
    scale = query.size(-1) ** -0.5 if scaling is None else scaling
    studied = torch.is_grad_enabled() and not module.training
    use_matmul = not causal and query.device.type == "cpu" and query.dtype is torch.float32
    if use_matmul and 0 < dropout < 1:
        packed[0] = packed[0] * scale
        return DropoutAttention.apply(*packed, length_groups, dropout).unsqueeze(0), None
    pieces = [count * length for count, length in length_groups]
    attended = []
    for group, *parts in zip(length_groups, *(states.split(pieces) for states in packed)):
        # (texts, heads, length, width)
        q, k, v = (part.unflatten(0, group).transpose(1, 2) for part in parts)
        if use_matmul and not dropout and not torch.is_grad_enabled():
            texts = attend_texts(q * scale, k, v)
        elif studied and not dropout:
            texts = TwiceDifferentiableAttention.apply(q, k, v, causal, scale)
        else:
            texts = scaled_dot_product_attention(
                q, k, v, dropout_p=dropout, is_causal=causal, scale=scale
            )
        # (texts * length, heads, width)
        attended.append(texts.transpose(1, 2).flatten(0, 1))
    return torch.cat(attended).unsqueeze(0), None


def attend_texts(query: Tensor, key: Tensor, value: Tensor, causal: bool = False) -> Tensor:
    """
    Computes attention over texts of equal length on the CPU, without gradients, in float32. All
    have the shape `(texts, heads, length, width)`, and the query is scaled already.
    """
    length = query.size(-2)
    if causal or length > MAX_MATMUL_LENGTH:
        return scaled_dot_product_attention(query, key, value, is_causal=causal, scale=1.0)
    scores = query @ key.transpose(-1, -2)
    if length >= _REGISTER:
        return scores.softmax(-1) @ value
    scores.sub_(scores.amax(-1, keepdim=True)).exp_()
    return scores.div_(scores.sum(-1, keepdim=True)) @ value


_REGISTER = 16
"""The numbers of a vector register: of shorter rows PyTorch's softmax takes them one by one."""


def _additive_mask(
    module: torch.nn.Module, query: Tensor, key: Tensor, mask: Optional[Tensor]
) -> Tensor:
    """
    Makes what is added to the scores of a padded batch, of shape `(*, length, length)`: 0, and the
    lowest number where a piece is not seen. Without a mask all pieces are seen that may be.
    """
    if mask is None:
        mask = torch.ones(query.size(-2), key.size(-2), dtype=torch.bool, device=query.device)
        mask = mask.tril() if getattr(module, "is_causal", False) else mask
    lowest = torch.finfo(query.dtype).min
    return torch.zeros_like(mask, dtype=query.dtype).masked_fill(~mask, lowest)


AttentionInterface.register(ATTENTION, attend)
AttentionMaskInterface.register(ATTENTION, sdpa_mask)
