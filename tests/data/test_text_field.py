"""Batches of word pieces."""

import numpy
import torch
from allennlp.data import Batch, Instance, Vocabulary
from allennlp.data.fields import ListField

from bert_classification.data.text_field import WordPieceField


def field(length: int, second: int | None = None) -> WordPieceField:
    ids = numpy.arange(1, length + 1, dtype=numpy.int32)
    return WordPieceField(ids, length if second is None else second, "bert", pad_id=0)


def batch(*fields) -> dict[str, torch.Tensor]:
    instances = Batch([Instance({"tokens": one}) for one in fields])
    instances.index_instances(Vocabulary())
    return instances.as_tensor_dict()["tokens"]["bert"]


def test_a_batch_is_padded_to_its_longest_text() -> None:
    tensors = batch(field(3), field(5, second=2))
    assert tensors["input_ids"].tolist() == [[1, 2, 3, 0, 0], [1, 2, 3, 4, 5]]
    assert tensors["token_type_ids"].tolist() == [[0] * 5, [0, 0, 1, 1, 1]]
    assert tensors["mask"].tolist() == [[True] * 3 + [False] * 2, [True] * 5]


def test_lists_of_fields_are_padded_with_empty_texts() -> None:
    tensors = batch(ListField([field(2)]), ListField([field(3), field(1)]))
    assert tensors["input_ids"].shape == (2, 2, 3)
    assert tensors["mask"].sum(-1).tolist() == [[2, 0], [3, 1]]
