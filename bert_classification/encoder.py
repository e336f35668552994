"""BERT over a batch of texts without computing padding; see `packing`."""

from typing import NamedTuple, Optional

import torch
from allennlp.data import TextFieldTensors
from torch import Tensor
from transformers import BertModel

from bert_classification.model_inputs import check_run, tensors_of
from bert_classification.packing import ATTENTION, pack, round_up


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
    shape = input_ids.shape
    if bert.config._attn_implementation != ATTENTION:
        bert.set_attn_implementation(ATTENTION)
    packing = pack(mask.reshape(-1, shape[-1]).bool())
    embedded = bert.embeddings(
        input_ids=input_ids.flatten()[packing.places].unsqueeze(0),
        token_type_ids=token_type_ids.flatten()[packing.places].unsqueeze(0),
        position_ids=packing.positions.unsqueeze(0),
    )
    row, groups = round_up(embedded, packing.groups)
    packed = bert.encoder(row, groups=groups).last_hidden_state[0, : embedded.size(1)]
    pooled = None
    if bert.pooler is not None:
        pooled = bert.pooler(packed[packing.starts].unsqueeze(1)).view(*shape[:-1], -1)
    hidden_states = packed.new_zeros(shape.numel(), packed.size(-1))
    hidden_states = hidden_states.index_copy(0, packing.places, packed)
    return Encoded(hidden_states.view(*shape, -1), pooled)


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
        name: torch.stack(output[name], dim=1).unflatten(0, rows).float()
        for name in ("hidden_states", "attentions")
        if output.get(name) is not None
    }
    hidden_states = output.last_hidden_state * mask.unsqueeze(-1)
    pooled = None
    if bert.pooler is not None:
        first = hidden_states[torch.arange(len(mask)), mask.int().argmax(-1)]
        pooled = bert.pooler(first.unsqueeze(1)).view(*rows, -1)
    return Encoded(hidden_states.view(*rows, length, -1), pooled, internals)
