"""BERT over a batch of texts without computing padding; see `packing`."""

from typing import Any, Mapping, NamedTuple, Optional

import torch
from allennlp.common.checks import ConfigurationError
from allennlp.data import TextFieldTensors
from torch import Tensor
from transformers import BertModel

from bert_classification.packing import ATTENTION, pack


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

    `ConfigurationError`, see `tensors_of`.
    """
    field = tensors_of(tokens, index)
    tensors = (field["input_ids"], field["token_type_ids"], field["mask"])
    if output_hidden_states or output_attentions:
        return _encode_padded(bert, *tensors, output_hidden_states, output_attentions)
    return encode(bert, *tensors)


def tensors_of(tokens: TextFieldTensors, index: str) -> dict[str, Tensor]:
    """
    The `input_ids`, `token_type_ids` and `mask` of a text field.

    # Raises

    `ConfigurationError` when `tokens` is not what the indexer `bert-pretrained` makes under the key
    `index`.
    """
    field = tokens.get(index) if isinstance(tokens, dict) else None
    if not isinstance(field, dict) or not {"input_ids", "token_type_ids", "mask"} <= set(field):
        given = ", ".join(map(str, tokens)) if isinstance(tokens, dict) else type(tokens).__name__
        raise ConfigurationError(
            f"`tokens` holds {given or 'nothing'}; expected the tensors of the token indexer "
            f"`bert-pretrained` under the key {index!r}. Let `model.index` be the indexer's key in "
            "`dataset_reader.token_indexers`, and make tensors of texts with a reader or a "
            "predictor."
        )
    return field


def refuse_unknown_arguments(unknown: Mapping[str, Any], gold: str = "label") -> None:
    """
    Raises `ConfigurationError` for arguments that `forward` does not know, such as `labels`, where
    the argument is `gold`.
    """
    if "labels" in unknown:
        raise ConfigurationError(f"`forward` got `labels`; in AllenNLP the argument is `{gold}`.")
    if unknown:
        raise ConfigurationError(
            f"`forward` got {', '.join(unknown)}, which this model does not know; the fields of "
            "the dataset reader have the names of the model's arguments."
        )


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
    shape = input_ids.shape
    _check_ids(bert, input_ids)
    if bert.config._attn_implementation != ATTENTION:
        bert.set_attn_implementation(ATTENTION)
    packing = pack(mask.reshape(-1, shape[-1]).bool())
    embedded = bert.embeddings(
        input_ids=input_ids.flatten()[packing.places].unsqueeze(0),
        token_type_ids=token_type_ids.flatten()[packing.places].unsqueeze(0),
        position_ids=packing.positions.unsqueeze(0),
    )
    packed = bert.encoder(embedded, groups=packing.groups).last_hidden_state[0]
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
    rows, length = input_ids.shape[:-1], input_ids.shape[-1]
    mask = mask.reshape(-1, length).bool()
    _check_ids(bert, input_ids)
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


def _check_ids(bert: BertModel, input_ids: Tensor) -> None:
    if input_ids.size(-1) > bert.config.max_position_embeddings:
        raise ConfigurationError(
            f"A text of {input_ids.size(-1)} word pieces; this BERT has "
            f"{bert.config.max_position_embeddings} positions. Set `max_pieces` of the token "
            "indexer, or leave it out."
        )
    # On a GPU the look would wait for the device at every batch.
    if input_ids.device.type == "cpu" and input_ids.numel():
        largest = int(input_ids.max())
        if largest >= bert.config.vocab_size:
            raise ConfigurationError(
                f"Word piece {largest} is beyond the {bert.config.vocab_size} that this BERT "
                "embeds: the tokenizer (`dataset_reader.token_indexers.bert.pretrained_model`) "
                "and the weights (`model.bert_model`) are of different checkpoints."
            )
