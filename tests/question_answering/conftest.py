"""Fixtures of the tests of question answering."""

import pytest
import torch
from allennlp.data import Vocabulary

from bert_classification import BertForQuestionAnswering
from tests.support import BERT


@pytest.fixture
def model() -> BertForQuestionAnswering:
    torch.manual_seed(1)
    return BertForQuestionAnswering(Vocabulary(), BERT).eval()
