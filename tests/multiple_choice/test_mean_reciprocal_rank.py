"""The mean reciprocal rank."""

import pytest
import torch

from bert_classification.multiple_choice.mean_reciprocal_rank import MeanReciprocalRank


def test_mean_reciprocal_rank() -> None:
    mrr = MeanReciprocalRank()
    lowest = torch.finfo(torch.float).min
    mrr(torch.tensor([[3.0, 2.0, 1.0], [2.0, 5.0, lowest]]), torch.tensor([2, 0]))
    mrr(torch.tensor([[0.0, 1.0]]), torch.tensor([1]))
    assert mrr.get_metric(reset=True) == pytest.approx((1 / 3 + 1 / 2 + 1) / 3)
    assert mrr.get_metric() == 0.0
