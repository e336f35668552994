"""Fixtures of the tests of pretraining."""

import pytest
import torch
from allennlp.data import Vocabulary

from bert_classification import BertForPreTraining
from tests.support import BERT


@pytest.fixture
def model() -> BertForPreTraining:
    torch.manual_seed(0)
    return BertForPreTraining(Vocabulary(), BERT).eval()
