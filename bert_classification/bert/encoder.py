"""BERT over a batch of texts without computing padding; see `packing`."""

from dataclasses import dataclass
from threading import get_ident
from typing import Any, NamedTuple, Optional

import torch
from allennlp.data import TextFieldTensors
from torch import Tensor
from transformers import BertModel

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
        Shape `(*, length, width)`, zero on padding.
    pooled : `Tensor`, optional
        Of the first piece of each text, shape `(*, width)`; `None` when the BERT has no pooler.
    layer_outputs : `Dict[str, Tensor]`
        What was asked for beside: `hidden_states` of shape `(*, layers + 1, length, width)`, the
        embeddings first, and `attentions` of shape `(*, layers, heads, length, length)`.
    """

    hidden_states: Tensor
    pooled: Optional[Tensor]
    layer_outputs: dict[str, Tensor] = {}


def encode_field(bert: BertModel, tokens: TextFieldTensors, text_input: TextInput) -> Encoded:
    """
    Runs BERT over a text field; see `encode`. Hidden states of all layers and attentions, when
    asked for, come from the padded batch: in a packed row there are no attention weights.

    # Raises

    `ConfigurationError`, see `get_tensors` and `check_run`.
    """
    field = text_input.get_tensors(tokens)
    tensors = (field["input_ids"], field["token_type_ids"], field["mask"])
    check_run(bert, *tensors, text_input.cls_id)
    if text_input.output_hidden_states or text_input.output_attentions:
        return _encode_padded(bert, *tensors, text_input)
    return _encode_packed(bert, *tensors, text_input.layers)


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
) -> Encoded:
    # Any other attention would let the texts of the row see each other.
    assert bert.config._attn_implementation == ATTENTION, "`use_packed_attention(bert)` comes first"
    shape = input_ids.shape
    # Gradients outside training are for those who look at single pieces, in the batch's order.
    in_order = torch.is_grad_enabled() and not bert.training
    # Of the mask (texts, length), whatever dimensions lead.
    packing = pack(mask.reshape(-1, shape[-1]).bool(), in_order)
    # (1, pieces, width)
    embedded = _embed(bert, input_ids, token_type_ids, packing)
    rounded, length_groups = round_up(embedded, packing.length_groups)
    states = _run_layers(bert, rounded, layers, length_groups=length_groups)
    # (pieces, width)
    packed = states[0, : embedded.size(1)]
    pooled = None
    if bert.pooler is not None:
        # (texts, 1, width), since the pooler takes the first piece of a padded batch.
        first = packed[packing.first_pieces].unsqueeze(1)
        pooled = bert.pooler(first).view(*shape[:-1], -1)
    # (texts * length, width)
    hidden_states = packed.new_zeros(shape.numel(), packed.size(-1))
    hidden_states = hidden_states.index_copy(0, packing.indices, packed)
    return Encoded(hidden_states.view(*shape, -1), pooled)


def _run_layers(
    bert: BertModel, embedded: Tensor, layers: tuple[int, ...], **options: Any
) -> Tensor:
    """Gives the mean of what these layers make of a row of embeddings, of the same shape."""
    if layers == LAST_LAYER:
        return bert.encoder(embedded, **options).last_hidden_state
    states, thread = [embedded], get_ident()

    def keep(layer: torch.nn.Module, inputs: Any, output: Tensor) -> None:
        # Another thread may run the same layers.
        if get_ident() == thread:
            states.append(output.to(embedded.dtype))

    hooks = [layer.register_forward_hook(keep) for layer in bert.encoder.layer]
    try:
        bert.encoder(embedded, **options)
    finally:
        for hook in hooks:
            hook.remove()
    return torch.stack([states[layer] for layer in layers]).mean(0)


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
        pooled = bert.pooler(first.unsqueeze(1)).view(*shape, -1)
    return Encoded(hidden_states.view(*shape, length, -1), pooled, layer_outputs)
