"""Fixtures of the tests of classification."""

import pytest
from allennlp.data import Vocabulary

from bert_classification import BertForClassificationReader, PretrainedBertIndexer
from tests.support import BERT


@pytest.fixture
def reader() -> BertForClassificationReader:
    return BertForClassificationReader(token_indexers={"bert": PretrainedBertIndexer(BERT)})


@pytest.fixture
def vocab() -> Vocabulary:
    vocab = Vocabulary()
    vocab.add_tokens_to_namespace(["negative", "neutral", "positive"], "labels")
    return vocab
