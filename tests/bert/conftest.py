"""Fixtures of the tests of BERT."""

import pytest
from transformers import BertModel

from bert_classification.bert.packing import use_packed_attention
from tests.support import BERT


@pytest.fixture
def bert() -> BertModel:
    bert = BertModel.from_pretrained(BERT).eval()
    use_packed_attention(bert)
    return bert
