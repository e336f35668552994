"""Where each head of each layer looks, as the page shows it."""

import base64
from dataclasses import replace
from typing import Any, Sequence

import torch
from allennlp.common.util import JsonDict
from allennlp.data import Batch, Instance
from allennlp.data.fields import ListField
from allennlp.nn.util import move_to_device
from torch import Tensor

from bert_classification.bert.encoder import encode_field
from bert_classification.data.records import RecordError
from bert_classification.data.text_field import WordPieceField
from bert_classification.predictor import BertPredictor

MAX_PIECES = 128
"""Of each row that BERT reads: a window, a choice, or all there is."""

MAX_WEIGHTS = 1 << 23
"""Bytes of all weights; in base64 they are a third more. A large BERT has so many of one row."""

MAX_TEXT = 2048
"""Word pieces that texts may be long enough for, before they are tokenized."""


def attention(predictor: BertPredictor, record: JsonDict) -> JsonDict:
    """
    Tells how much each word piece of a record looks at each other one, in every layer and head.

    # Returns

    `JsonDict`: `layers` and `heads`, how many there are, and `rows`, one for each window or choice:
    `{"pieces": [...], "weights": ...}`. The weights are bytes in base64, of an array of the shape
    `(layers, heads, pieces, pieces)`: how much the third looks at the fourth, in parts of 255.

    # Raises

    `RecordError` when the record is not what the task expects, has a row of more than `MAX_PIECES`,
    or more than `MAX_WEIGHTS`.
    """
    (instance,) = predictor.instances_or_errors([record])
    if isinstance(instance, Exception):
        raise instance
    tokens: Any = instance["tokens"]
    rows: list[Any] = list(tokens.field_list) if isinstance(tokens, ListField) else [tokens]
    config = predictor._model.bert.config
    layers, heads = config.num_hidden_layers, config.num_attention_heads
    check_size(rows, layers * heads)
    # (rows, layers, heads, longest, longest)
    weights = _weights(predictor, instance).flatten(0, -5)
    return {
        "layers": layers,
        "heads": heads,
        "rows": [
            _describe(predictor, row, each[..., : len(row), : len(row)])
            for row, each in zip(rows, weights)
        ],
    }


def check_size(rows: Sequence[WordPieceField], maps: int) -> None:
    """Raises `RecordError` for rows whose weights, in so many `maps`, are too many."""
    longest = max(map(len, rows))
    if longest > MAX_PIECES:
        raise RecordError(
            f"a row of the record has {longest} word pieces; attention is shown of up to "
            f"{MAX_PIECES}. Shorten it."
        )
    if (weights := maps * len(rows) * longest**2) > MAX_WEIGHTS:
        raise RecordError(
            f"the record has {len(rows)} rows of up to {longest} word pieces, and {weights} "
            f"weights in {maps} heads; at most {MAX_WEIGHTS} are shown. Shorten it."
        )


def _weights(predictor: BertPredictor, instance: Instance) -> Tensor:
    """Runs the predictor's own BERT; what it gives is asked for in this call alone."""
    model = predictor._model
    batch = Batch([instance])
    batch.index_instances(model.vocab)
    tokens = move_to_device(batch.as_tensor_dict()["tokens"], predictor.cuda_device)
    wanted = replace(model.text_input, output_attentions=True, output_hidden_states=False)
    with torch.inference_mode():
        return encode_field(model.bert, tokens, wanted).layer_outputs["attentions"]


def _describe(predictor: BertPredictor, row: WordPieceField, weights: Tensor) -> JsonDict:
    data = (weights * 255).round().byte().cpu().contiguous().numpy().tobytes()
    return {
        "pieces": predictor._dataset_reader.tokenizer.convert_ids_to_tokens(row.ids.tolist()),
        "weights": base64.b64encode(data).decode(),
    }
