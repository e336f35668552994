"""
BERT over a batch of texts without computing padding.

The texts of a batch are laid end to end in one row, with the position of each piece in its own
text. Everything in BERT but attention works on single positions; attention is done per text, by a
function registered with the public attention interface of transformers 5.
"""

from typing import NamedTuple, Optional

import torch
from allennlp.data import TextFieldTensors
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface, AttentionMaskInterface, BertModel
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from bert_classification.model_inputs import check_run, tensors_of

ATTENTION = "bert_classification_packed"


class Encoded(NamedTuple):
    """
    What BERT makes of a batch of texts.

    hidden_states : `Tensor`, shape `(*, length, width)`, zero on padding.
    pooled : `Tensor`, shape `(*, width)`, of the first piece of each text; `None` when the BERT has
    no pooler. internals : `Dict[str, Tensor]`
        What was asked for beside: `hidden_states` of shape `(*, layers + 1, length, width)`, the
        embeddings first, and
        `attentions` of shape `(*, layers, heads, length, length)`.
    """

    hidden_states: Tensor
    pooled: Optional[Tensor]
    internals: dict[str, Tensor] = {}


def encode_field(
    bert: BertModel,
    tokens: TextFieldTensors,
    index: str,
    output_hidden_states: bool = False,
    output_attentions: bool = False,
) -> Encoded:
    """
    Runs BERT over a text field; see `encode`. Hidden states of all layers and attentions, when
    asked for, come from the padded batch: attention weights exist in transformers' eager attention
    only.

    # Raises

    `ConfigurationError`, see `tensors_of` and `check_run`.
    """
    field = tensors_of(tokens, index)
    tensors = (field["input_ids"], field["token_type_ids"], field["mask"])
    if output_hidden_states or output_attentions:
        return _encode_padded(bert, *tensors, output_hidden_states, output_attentions)
    return encode(bert, *tensors)


def encode(bert: BertModel, input_ids: Tensor, token_type_ids: Tensor, mask: Tensor) -> Encoded:
    """
    Runs BERT over texts.

    # Parameters

    bert : `BertModel`
        Made by `checkpoint.load_pretrained`.
    input_ids, token_type_ids, mask : `Tensor`
        Shape `(*, length)`: any leading dimensions, so that a text may also be one choice or one
        window of many. A row without a single piece is permitted, and padding may stand on either
        side.
    """
    check_run(bert, input_ids, token_type_ids, mask)
    rows, length = input_ids.shape[:-1], input_ids.shape[-1]
    mask = mask.reshape(-1, length).bool()
    lengths = mask.sum(-1)
    if bert.config._attn_implementation != ATTENTION:
        bert.set_attn_implementation(ATTENTION)
    packed = _run_packed(
        bert,
        input_ids.reshape(-1, length)[mask],
        token_type_ids.reshape(-1, length)[mask],
        mask,
        lengths,
    )
    hidden_states = packed.new_zeros(*mask.shape, packed.size(-1))
    hidden_states[mask] = packed
    pooled = None
    if bert.pooler is not None:
        starts = (lengths.cumsum(0) - lengths).clamp(max=max(len(packed) - 1, 0))
        pooled = bert.pooler(packed[starts].unsqueeze(1)).view(*rows, -1)
    return Encoded(hidden_states.view(*rows, length, -1), pooled)


def _encode_padded(
    bert: BertModel,
    input_ids: Tensor,
    token_type_ids: Tensor,
    mask: Tensor,
    output_hidden_states: bool,
    output_attentions: bool,
) -> Encoded:
    check_run(bert, input_ids, token_type_ids, mask)
    rows, length = input_ids.shape[:-1], input_ids.shape[-1]
    mask = mask.reshape(-1, length).bool()
    bert.set_attn_implementation("eager")
    output = bert(
        input_ids=input_ids.reshape(-1, length),
        token_type_ids=token_type_ids.reshape(-1, length),
        attention_mask=mask,
        position_ids=(mask.cumsum(-1) - 1).clamp(min=0),
        output_hidden_states=output_hidden_states,
        output_attentions=output_attentions,
        use_cache=False,
    )
    internals = {
        name: torch.stack(output[name], dim=1).unflatten(0, rows)
        for name in ("hidden_states", "attentions")
        if output.get(name) is not None
    }
    hidden_states = output.last_hidden_state * mask.unsqueeze(-1)
    pooled = None
    if bert.pooler is not None:
        first = hidden_states[torch.arange(len(mask)), mask.int().argmax(-1)]
        pooled = bert.pooler(first.unsqueeze(1)).view(*rows, -1)
    return Encoded(hidden_states.view(*rows, length, -1), pooled, internals)


def _run_packed(
    bert: BertModel, input_ids: Tensor, token_type_ids: Tensor, mask: Tensor, lengths: Tensor
) -> Tensor:
    """The last hidden states of texts laid end to end, shape `(pieces, width)`."""
    positions = (mask.cumsum(-1) - 1)[mask]
    embedded = bert.embeddings(
        input_ids=input_ids.unsqueeze(0),
        token_type_ids=token_type_ids.unsqueeze(0),
        position_ids=positions.unsqueeze(0),
    )
    lengths_of_texts = [length for length in lengths.tolist() if length]
    return bert.encoder(embedded, text_lengths=lengths_of_texts).last_hidden_state[0]


def _attend(
    module: torch.nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Optional[Tensor],
    dropout: float = 0.0,
    scaling: Optional[float] = None,
    text_lengths: Optional[list[int]] = None,
    **kwargs,
):
    """
    Attention within each text of a row, shape `(1, heads, pieces, width)`; without `text_lengths`
    as usual.
    """
    if text_lengths is None:
        return sdpa_attention_forward(
            module, query, key, value, attention_mask, dropout=dropout, scaling=scaling, **kwargs
        )
    texts = zip(*(states.split(text_lengths, dim=2) for states in (query, key, value)))
    causal = getattr(module, "is_causal", False)
    attended = [
        scaled_dot_product_attention(q, k, v, dropout_p=dropout, is_causal=causal, scale=scaling)
        for q, k, v in texts
    ]
    return torch.cat(attended, dim=2).transpose(1, 2), None


AttentionInterface.register(ATTENTION, _attend)
AttentionMaskInterface.register(ATTENTION, sdpa_mask)
