"""The training examples that are nearest to a record, as the page shows them."""

from typing import Any, Optional

import torch
from allennlp.common.util import JsonDict
from allennlp.data import Batch
from allennlp.nn.util import move_to_device
from torch.nn.functional import normalize

from bert_classification.archives.nearest import KeptExamples
from bert_classification.bert.pooled import pooled_vectors
from bert_classification.data.text_field import check_num_pieces
from bert_classification.predictor import BertPredictor

NEIGHBOURS = 5

MAX_PIECES = 2048
"""All windows of a text run at once, and other requests wait for them."""


def kept_examples(predictor: BertPredictor) -> Optional[KeptExamples]:
    """Gives the training examples that the model's archive keeps; `None` where it keeps none."""
    return getattr(predictor._model, "kept_examples", None)


def nearest_examples(predictor: BertPredictor, record: JsonDict) -> list[JsonDict]:
    """
    Finds the training examples whose vectors are nearest to a record's, by the cosine.

    # Returns

    `List[JsonDict]`: `{"record": {...}, "location": "train.jsonl, line 3", "similarity": 0.93}`
    each, the nearest first, `NEIGHBOURS` at most.

    # Raises

    `RecordError` when the record is not what the task expects, or has more than `MAX_PIECES`.
    """
    kept = kept_examples(predictor)
    assert kept is not None
    (instance,) = predictor.instances_or_errors([record])
    if isinstance(instance, Exception):
        raise instance
    check_num_pieces(instance, MAX_PIECES, "the nearest training examples are told")
    batch = Batch([instance])
    batch.index_instances(predictor._model.vocab)
    tokens = move_to_device(batch.as_tensor_dict()["tokens"], predictor.cuda_device)
    vector = normalize(pooled_vectors(predictor._model, tokens)[0], dim=0)
    # (examples,)
    similarities = (kept.vectors @ vector).clamp(-1.0, 1.0)
    best = torch.topk(similarities, min(NEIGHBOURS, len(similarities)))
    return [
        _describe(predictor, kept.records[index], similarity)
        for similarity, index in zip(best.values.tolist(), best.indices.tolist())
    ]


def _describe(predictor: BertPredictor, kept: JsonDict, similarity: float) -> JsonDict:
    return {
        "record": {key: _named(predictor, key, value) for key, value in kept["record"].items()},
        "location": f"{kept['file']}, line {kept['line']}",
        "similarity": similarity,
    }


def _named(predictor: BertPredictor, key: str, value: Any) -> Any:
    """Gives the name of a label that is kept as its index in `labels`."""
    is_index = key == predictor.gold_key and isinstance(value, int)
    return predictor.labels[value] if is_index and 0 <= value < len(predictor.labels) else value
