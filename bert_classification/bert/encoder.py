"""BERT over a batch of texts without computing padding; see `packing`."""

from dataclasses import dataclass
from typing import Any, NamedTuple, Optional

import torch
from allennlp.data import TextFieldTensors
from torch import Tensor
from transformers import BertModel

from bert_classification.bert.dropout_attention import LengthGroups
from bert_classification.bert.fused import find_layers, run_fused
from bert_classification.bert.inputs import check_run, get_tensors
from bert_classification.bert.packing import ATTENTION, Packing, pack, round_up

LAST_LAYER = (-1,)


@dataclass(frozen=True)
class TextInput:
    """
    What a model of ours does with the text field it is given.

    index : `str`
        The key of the token indexer in the reader's `token_indexers`.
    cls_id : `int`, optional
        The piece that every text begins with; `None` where no tokenizer is known.
    output_hidden_states, output_attentions : `bool`
        Whether the hidden states of all layers, and the attention weights, are wanted.
    layers : `Tuple[int, ...]`
        The layers whose mean the hidden states are: 0 is that of the embeddings, -1 the last.
    """

    index: str = "bert"
    cls_id: Optional[int] = None
    output_hidden_states: bool = False
    output_attentions: bool = False
    layers: tuple[int, ...] = LAST_LAYER

    def get_tensors(self, tokens: TextFieldTensors) -> dict[str, Tensor]:
        """Gives the `input_ids`, `token_type_ids` and `mask` of the field; see `inputs`."""
        return get_tensors(tokens, self.index)


class Encoded(NamedTuple):
    """
    What BERT makes of a batch of texts.

    hidden_states : `Tensor`
        Shape `(*, length, width)`, zero on padding and on pieces that were not wanted.
    pooled : `Tensor`, optional
        Of the first piece of each text, shape `(*, width)`; `None` when the BERT has no pooler.
    layer_outputs : `Dict[str, Tensor]`
        What was asked for beside: `hidden_states` of shape `(*, layers + 1, length, width)`, the
        embeddings first, and `attentions` of shape `(*, layers, heads, length, length)`.
    """

    hidden_states: Tensor
    pooled: Optional[Tensor]
    layer_outputs: dict[str, Tensor] = {}


class Pooled(NamedTuple):
    """What a head over the pooled first piece reads; as `Encoded` has it."""

    pooled: Tensor
    layer_outputs: dict[str, Tensor] = {}


def encode_field(
    bert: BertModel,
    tokens: TextFieldTensors,
    text_input: TextInput,
    wanted: Optional[Tensor] = None,
) -> Encoded:
    """
    Runs BERT over a text field; see `encode`. Hidden states of all layers and attentions, when
    asked for, come from the padded batch: in a packed row there are no attention weights.

    # Parameters

    wanted : `Tensor`, optional
        Shape `(*, length)`: true of the pieces whose hidden states are read, all by default. The
        last layer is computed for them alone, and for first pieces where BERT has a pooler.

    # Raises

    `ConfigurationError`, see `get_tensors` and `check_run`.
    """
    tensors = _checked(bert, tokens, text_input)
    if text_input.output_hidden_states or text_input.output_attentions:
        return _encode_padded(bert, *tensors, text_input)
    return _encode_packed(bert, *tensors, text_input.layers, wanted)


def encode_pooled(bert: BertModel, tokens: TextFieldTensors, text_input: TextInput) -> Pooled:
    """
    Runs a BERT with a pooler over a text field, for the pooled first pieces; see `encode_field`.
    """
    input_ids, token_type_ids, mask = _checked(bert, tokens, text_input)
    if text_input.output_hidden_states or text_input.output_attentions:
        encoded = _encode_padded(bert, input_ids, token_type_ids, mask, text_input)
        assert encoded.pooled is not None
        return Pooled(encoded.pooled, encoded.layer_outputs)
    packing = _pack(bert, mask)
    first = _run_packed(bert, input_ids, token_type_ids, packing, rows=packing.first_pieces)
    return Pooled(_pool(bert, first, input_ids.shape[:-1]))


def _checked(
    bert: BertModel, tokens: TextFieldTensors, text_input: TextInput
) -> tuple[Tensor, Tensor, Tensor]:
    field = text_input.get_tensors(tokens)
    tensors = (field["input_ids"], field["token_type_ids"], field["mask"])
    check_run(bert, *tensors, text_input.cls_id)
    return tensors


def _pool(bert: BertModel, first: Tensor, shape: torch.Size) -> Tensor:
    """Pools the first pieces of texts of these dimensions, before their length."""
    # Of (texts, 1, width), since the pooler takes the first piece of a padded batch.
    return bert.pooler(first.unsqueeze(1)).view(*shape, -1)


def encode(bert: BertModel, input_ids: Tensor, token_type_ids: Tensor, mask: Tensor) -> Encoded:
    """
    Runs BERT over texts.

    # Parameters

    bert : `BertModel`
        Made by `pretrained.load_pretrained`.
    input_ids, token_type_ids, mask : `Tensor`
        Shape `(*, length)`: any leading dimensions, so that a text may also be one choice or one
        window of many. A row without a single piece is permitted, and padding may stand on either
        side.

    # Raises

    `ConfigurationError`, see `check_run`.
    """
    check_run(bert, input_ids, token_type_ids, mask)
    return _encode_packed(bert, input_ids, token_type_ids, mask)


def _encode_packed(
    bert: BertModel,
    input_ids: Tensor,
    token_type_ids: Tensor,
    mask: Tensor,
    layers: tuple[int, ...] = LAST_LAYER,
    wanted: Optional[Tensor] = None,
) -> Encoded:
    shape, packing = input_ids.shape, _pack(bert, mask)
    rows, first = None, packing.first_pieces
    if wanted is not None:
        # (pieces,)
        is_wanted = wanted.flatten()[packing.indices]
        if bert.pooler is not None:
            is_wanted = is_wanted.index_fill(0, first, True)
        rows, first = is_wanted.nonzero().squeeze(1), (is_wanted.cumsum(0) - 1)[first]
    # (pieces, width), of those that are wanted
    packed = _run_packed(bert, input_ids, token_type_ids, packing, layers, rows)
    pooled = None if bert.pooler is None else _pool(bert, packed[first], shape[:-1])
    indices = packing.indices if rows is None else packing.indices[rows]
    # (texts * length, width)
    hidden_states = packed.new_zeros(shape.numel(), packed.size(-1))
    hidden_states = hidden_states.index_copy(0, indices, packed)
    return Encoded(hidden_states.view(*shape, -1), pooled)


def _pack(bert: BertModel, mask: Tensor) -> Packing:
    # Any other attention would let the texts of the row see each other.
    assert bert.config._attn_implementation == ATTENTION, "`use_packed_attention(bert)` comes first"
    # Gradients outside training are for those who look at single pieces, in the batch's order.
    in_order = torch.is_grad_enabled() and not bert.training
    # Of the mask (texts, length), whatever dimensions lead.
    return pack(mask.reshape(-1, mask.size(-1)).bool(), in_order)


def _run_packed(
    bert: BertModel,
    input_ids: Tensor,
    token_type_ids: Tensor,
    packing: Packing,
    layers: tuple[int, ...] = LAST_LAYER,
    rows: Optional[Tensor] = None,
) -> Tensor:
    """
    Gives the mean of what these layers make of the pieces of a row, shape `(pieces, width)`, or of
    some `rows` of it; the last layer then computes those alone.
    """
    # (1, pieces, width)
    embedded = _embed(bert, input_ids, token_type_ids, packing)
    rounded, length_groups = round_up(embedded, packing.length_groups)
    fused = find_layers(bert, embedded) if layers == LAST_LAYER else []
    if fused:
        states = run_fused(fused, bert.config, rounded[0], length_groups, rows)
        return states[: embedded.size(1)]
    states = rounded.to(bert.encoder.layer[0].output.LayerNorm.weight.dtype)
    *lower, last = bert.encoder.layer
    if rows is None or layers != LAST_LAYER or last.gradient_checkpointing:
        packed = _run_layers(bert, states, layers, length_groups)[0, : embedded.size(1)]
        return (packed if rows is None else packed[rows]).to(embedded.dtype)
    for layer in lower:
        states = layer(states, length_groups=length_groups)
    # Beside attention, where they look at all others, pieces go through a layer on their own.
    attended, _ = last.attention.self(states, length_groups=length_groups)
    attended = last.attention.output(attended[0, rows], states[0, rows])
    return last.output(last.intermediate(attended), attended).to(embedded.dtype)


def _run_layers(
    bert: BertModel, embedded: Tensor, layers: tuple[int, ...], length_groups: LengthGroups
) -> Tensor:
    """Gives the mean of what these layers make of a row of embeddings, of the same shape."""
    states, outputs = embedded, [embedded]
    for layer in bert.encoder.layer:
        states = layer(states, length_groups=length_groups)
        if layers != LAST_LAYER:
            outputs.append(states)
    if layers == LAST_LAYER:
        return states
    return torch.stack([outputs[layer] for layer in layers]).mean(0)


def is_layer(value: Any, num_layers: int) -> bool:
    """Tells the number of a layer: from 0, the embeddings, or counted from the last, -1."""
    return type(value) is int and -num_layers - 1 <= value <= num_layers


def _embed(bert: BertModel, input_ids: Tensor, token_type_ids: Tensor, packing: Packing) -> Tensor:
    words: dict[str, Tensor] = {"input_ids": input_ids.flatten()[packing.indices].unsqueeze(0)}
    if input_ids.dim() == 2 and len(input_ids) > 1 and _are_looked_at(bert):
        looked_up = bert.embeddings.word_embeddings(input_ids)
        words = {"inputs_embeds": looked_up.flatten(0, 1)[packing.indices].unsqueeze(0)}
    return bert.embeddings(
        **words,
        token_type_ids=token_type_ids.flatten()[packing.indices].unsqueeze(0),
        position_ids=packing.positions.unsqueeze(0),
    )


def _are_looked_at(bert: BertModel) -> bool:
    """
    Tells whether somebody looks at the embeddings of words, as AllenNLP's adversary does, and so
    expects one text a row. AllenNLP's check of normalizations looks at every module, once.
    """
    embeddings = bert.embeddings
    hooks = embeddings.word_embeddings._forward_hooks
    return len(hooks) > len(embeddings.position_embeddings._forward_hooks)


def _encode_padded(
    bert: BertModel, input_ids: Tensor, token_type_ids: Tensor, mask: Tensor, text_input: TextInput
) -> Encoded:
    shape, length = input_ids.shape[:-1], input_ids.shape[-1]
    # (texts, length)
    mask = mask.reshape(-1, length).bool()
    output = bert(
        input_ids=input_ids.reshape(-1, length),
        token_type_ids=token_type_ids.reshape(-1, length),
        attention_mask=mask,
        position_ids=(mask.cumsum(-1) - 1).clamp(min=0),
        output_hidden_states=text_input.output_hidden_states or text_input.layers != LAST_LAYER,
        output_attentions=text_input.output_attentions,
        attention_weights=True,
        use_cache=False,
    )
    # (*, layers + 1, length, width) and (*, layers, heads, length, length)
    layer_outputs = {
        name: torch.stack(output[name], dim=1).unflatten(0, shape).float()
        for name in ("hidden_states", "attentions")
        if getattr(text_input, f"output_{name}")
    }
    # (texts, length, width)
    states = output.last_hidden_state
    if text_input.layers != LAST_LAYER:
        states = torch.stack([output.hidden_states[layer] for layer in text_input.layers]).mean(0)
    hidden_states = states * mask.unsqueeze(-1)
    pooled = None
    if bert.pooler is not None:
        # (texts, width)
        first = hidden_states[torch.arange(len(mask)), mask.int().argmax(-1)]
        pooled = _pool(bert, first, shape)
    return Encoded(hidden_states.view(*shape, length, -1), pooled, layer_outputs)
