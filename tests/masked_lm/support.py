"""What the tests of masked LM share."""

from typing import Any

from bert_classification import BertForMaskedLMReader, PretrainedBertIndexer
from tests.support import BERT, FIXTURES

DATA = FIXTURES / "masked_lm"
TRAIN = str(DATA / "train.txt")


def make_reader(max_pieces: int = 128, **options: Any) -> BertForMaskedLMReader:
    indexer = PretrainedBertIndexer(BERT, max_pieces=max_pieces)
    return BertForMaskedLMReader(token_indexers={"bert": indexer}, **options)
