import numpy
import pytest
import torch
from allennlp.data import Batch, Instance, Vocabulary
from allennlp.data.fields import ListField
from tokenizers import Tokenizer, models, pre_tokenizers
from tokenizers.processors import TemplateProcessing

from bert_classification.data.segments import longest_first
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


@pytest.mark.parametrize("first", [0, 1, 5, 6, 9, 20])
@pytest.mark.parametrize("second", [0, 1, 5, 6, 9, 20])
@pytest.mark.parametrize("room", [7, 10])
def test_longest_first_cuts_as_the_tokenizers_library(first, second, room) -> None:
    tokenizer = Tokenizer(models.WordLevel({"a": 0, "b": 1}, unk_token="a"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = TemplateProcessing("$A:0", "$A:0 $B:1", [])
    tokenizer.enable_truncation(room)
    ids = tokenizer.encode("a " * first, "b " * second).ids
    assert longest_first(first, second, room) == (ids.count(0), ids.count(1))
