"""Fixtures of the tests of multiple choice."""

import pytest

from bert_classification import BertForMultipleChoiceReader
from tests.multiple_choice.support import reader_with


@pytest.fixture(scope="module")
def reader() -> BertForMultipleChoiceReader:
    return reader_with()
