import json
import random

import numpy
import pytest
from allennlp.common import Params
from allennlp.common.checks import ConfigurationError
from allennlp.data import BatchSampler, Instance, Token
from allennlp.data.fields import ListField, TextField

from bert_classification import PretrainedBertIndexer
from bert_classification.data.text_field import WordPieceField, num_word_pieces
from tests.support import BERT, FIXTURES, allennlp


def text(length: int) -> WordPieceField:
    return WordPieceField(numpy.ones(length, numpy.int32), length, "bert", pad_id=0)


INSTANCES = [Instance({"tokens": text(3 + index % 20)}) for index in range(100)]


def sampler(**options) -> BatchSampler:
    return BatchSampler.from_params(Params({"type": "token_budget", **options}))


def test_each_instance_once_within_the_budget() -> None:
    batches = list(sampler(token_budget=60).get_batch_indices(INSTANCES))
    assert sorted(index for batch in batches for index in batch) == list(range(100))
    sizes = [[len(INSTANCES[index]["tokens"]) for index in batch] for batch in batches]
    assert all(len(lengths) * max(lengths) <= 60 for lengths in sizes)
    assert len(batches) == sampler(token_budget=60).get_num_batches(INSTANCES)


def test_shuffling_follows_the_seed_and_differs_by_epoch() -> None:
    epochs = []
    for _ in range(2):
        random.seed(3)
        made = sampler(token_budget=60)
        epochs.append([list(made.get_batch_indices(INSTANCES)) for _ in range(2)])
    assert epochs[0] == epochs[1]
    assert epochs[0][0] != epochs[0][1]
    assert {*map(frozenset, epochs[0][0])} != {*map(frozenset, epochs[0][1])}


def test_in_order_of_length_without_shuffling() -> None:
    batches = sampler(token_budget=60, shuffle=False).get_batch_indices(INSTANCES)
    lengths = [num_word_pieces(INSTANCES[index]) for batch in batches for index in batch]
    assert lengths == sorted(lengths)


def test_windows_choices_and_tokens_of_any_tokenizer_count() -> None:
    assert num_word_pieces(Instance({"tokens": ListField([text(4), text(7)])})) == 11
    words = TextField([Token("the"), Token("house")], {"bert": PretrainedBertIndexer(BERT)})
    instance = Instance({"tokens": words})
    instance.index_fields(None)
    assert num_word_pieces(instance) == len(words._indexed_tokens["bert"]["input_ids"]) >= 4


def test_trains(tmp_path) -> None:
    loader = {"batch_sampler": {"type": "token_budget", "token_budget": 256}}
    overrides = {"data_loader": loader, "trainer.num_epochs": 1}
    config = FIXTURES.parent / "training_config" / "classification.jsonnet"
    allennlp("train", config, "-s", tmp_path / "out", "-o", json.dumps(overrides))
    assert (tmp_path / "out" / "model.tar.gz").exists()


def test_no_budget() -> None:
    with pytest.raises(ConfigurationError, match="`token_budget` is 0"):
        sampler(token_budget=0)
