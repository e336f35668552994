"""Fixtures of the tests of next sentence prediction."""

import pytest

from bert_classification import BertForNextSentencePredictionReader
from tests.next_sentence_prediction.support import reader_with


@pytest.fixture(scope="module")
def reader() -> BertForNextSentencePredictionReader:
    return reader_with()
