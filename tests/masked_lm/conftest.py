"""Fixtures of the tests of masked lm."""

import pytest
import torch
from allennlp.data import Vocabulary

from bert_classification import BertForMaskedLM, BertForMaskedLMPredictor
from tests.masked_lm.support import make_reader
from tests.support import BERT


@pytest.fixture
def model() -> BertForMaskedLM:
    """With a head that is sure of something: a fresh one gives all pieces nearly the same."""
    torch.manual_seed(0)
    model = BertForMaskedLM(Vocabulary(), BERT).eval()
    model.cls.predictions.transform.LayerNorm.weight.data.mul_(20)
    torch.nn.init.normal_(model.cls.predictions.bias, std=0.5)
    return model


@pytest.fixture
def predictor(model) -> BertForMaskedLMPredictor:
    return BertForMaskedLMPredictor(model, make_reader())
