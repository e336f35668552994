"""The order of instances and batches does not depend on the workers."""

import random
from typing import Any

import pytest
from allennlp.common import Params
from allennlp.data import DataLoader, Vocabulary

from bert_classification import BertForMaskedLMReader, PretrainedBertIndexer
from bert_classification.data.data_loader import OrderedDataLoader
from tests.support import BERT, FIXTURES

TEXT = str(FIXTURES / "masked_lm" / "train.txt")


def loader(**options: Any) -> DataLoader:
    indexer = PretrainedBertIndexer(BERT)
    reader = BertForMaskedLMReader(token_indexers={"bert": indexer}, block_size=32)
    made = DataLoader.from_params(Params({**options}), reader=reader, data_path=TEXT)
    made.index_with(Vocabulary())
    assert isinstance(made, OrderedDataLoader)
    return made


def batches(made: DataLoader) -> list[list[int]]:
    return [batch["tokens"]["bert"]["input_ids"].flatten().tolist() for batch in made]


class TestForkedWorkers:
    @pytest.mark.parametrize("num_workers", [1, 2, 3])
    def test_instances_come_as_without_workers(self, num_workers) -> None:
        expected = batches(loader(batch_size=4))
        assert batches(loader(batch_size=4, num_workers=num_workers)) == expected

    def test_streamed_blocks_are_the_same_ones(self) -> None:
        expected = batches(loader(batch_size=1))
        streamed = loader(batch_size=1, num_workers=2, max_instances_in_memory=2)
        assert batches(streamed) == expected

    def test_shuffling_follows_the_seed_and_differs_by_epoch(self) -> None:
        runs = []
        for _ in range(2):
            random.seed(11)
            made = loader(batch_size=4, num_workers=2, max_instances_in_memory=8, shuffle=True)
            runs.append([batches(made), batches(made)])
        assert runs[0] == runs[1]
        assert runs[0][0] != runs[0][1]

    def test_an_error_of_a_worker_reaches_the_caller(self, tmp_path) -> None:
        indexer = PretrainedBertIndexer(BERT)
        reader = BertForMaskedLMReader(token_indexers={"bert": indexer}, line_by_line=True)
        (tmp_path / "bad.txt").write_bytes(b"Fine.\nNot \xff fine.\n")
        with pytest.raises(Exception, match="line 2: not utf-8"):
            OrderedDataLoader(reader, str(tmp_path / "bad.txt"), batch_size=2, num_workers=2)


def test_spawned_workers_shuffle_by_the_seed() -> None:
    options = {"batch_size": 4, "max_instances_in_memory": 8, "shuffle": True, "num_workers": 2}
    random.seed(11)
    expected = batches(loader(**options))
    random.seed(11)
    assert batches(loader(**options, start_method="spawn")) == expected
