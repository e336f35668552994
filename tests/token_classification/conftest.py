"""Fixtures of the tests of token classification."""

import pytest
import torch
from allennlp.data import Vocabulary

from bert_classification import BertForTokenClassification
from tests.support import BERT
from tests.token_classification.support import TAGS


@pytest.fixture(scope="module")
def vocab() -> Vocabulary:
    vocab = Vocabulary()
    vocab.add_tokens_to_namespace(TAGS, "labels")
    return vocab


@pytest.fixture(scope="module")
def model(vocab: Vocabulary) -> BertForTokenClassification:
    torch.manual_seed(1)
    return BertForTokenClassification(vocab, BERT).eval()
