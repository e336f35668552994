"""Probabilities of a word from those of its pieces."""

import pytest
import torch
from allennlp.common.checks import ConfigurationError

from bert_classification import BertForTokenClassification
from bert_classification.token_classification.aggregation import word_probs
from tests.support import BERT


class TestAggregation:
    @pytest.mark.parametrize(
        "aggregation, expected",
        [("first", [0.6, 0.4]), ("average", [0.35, 0.65]), ("max", [0.1, 0.9])],
    )
    def test_aggregation(self, aggregation, expected) -> None:
        probs = torch.tensor([[[[0.5, 0.5], [0.6, 0.4], [0.1, 0.9], [0.7, 0.3], [0.0, 1.0]]]])
        word_ids = torch.tensor([[[-1, 0, 0, 1, -1]]])
        found = word_probs(probs, word_ids, aggregation)
        assert torch.allclose(found, torch.tensor([[expected, [0.7, 0.3]]]))

    def test_an_unknown_aggregation_is_refused(self, vocab) -> None:
        with pytest.raises(ConfigurationError, match="`aggregation`.*first, average, max"):
            BertForTokenClassification(vocab, BERT, aggregation="mean")
