"""What the tests of token classification share."""

from pathlib import Path
from typing import Any

from allennlp.data import Batch, Vocabulary

from bert_classification import BertForTokenClassificationReader, PretrainedBertIndexer
from bert_classification.token_classification.conll import read_columns
from tests.support import BERT, FIXTURES

DATA = FIXTURES / "token_classification"
TRAIN = str(DATA / "train.conll")
LONG = str(DATA / "long.conll")
TAGS = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC", "B-ORG", "I-ORG"]


def a_reader(max_pieces: Any = None, **settings: Any) -> BertForTokenClassificationReader:
    indexer = PretrainedBertIndexer(BERT, max_pieces=max_pieces)
    return BertForTokenClassificationReader(token_indexers={"bert": indexer}, **settings)


def tensors(instances: list, vocab: Vocabulary) -> dict:
    batch = Batch(instances)
    batch.index_instances(vocab)
    return batch.as_tensor_dict()


def words_and_tags(path: str, scheme: str = "IOB2") -> list[tuple[list[str], list[str]]]:
    return [
        (record.values["tokens"], record.values["tags"]) for record in read_columns(path, scheme)
    ]


def write(path: Path, text: str) -> str:
    path.write_bytes(text.encode())
    return str(path)
