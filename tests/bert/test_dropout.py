"""Dropout of our own against PyTorch's."""

import pytest
import torch
from transformers import BertForSequenceClassification

from bert_classification.bert.dropout import Dropout, dropout_mask, set_dropout
from bert_classification.bert.pretrained import load_pretrained
from tests.support import BERT


@pytest.mark.parametrize("count", [0, 1, 5, 1_000_001])
def test_as_many_are_dropped_as_asked_and_the_mean_stays(count) -> None:
    torch.manual_seed(1)
    factors = dropout_mask(count, 0.1, torch.float32)
    assert factors.shape == (count,) and factors.dtype is torch.float32
    assert {round(value, 5) for value in factors.unique().tolist()} <= {0.0, 1.11111}
    if count > 1000:
        assert (factors == 0).float().mean().item() == pytest.approx(0.1, abs=0.001)
        assert factors.mean().item() == pytest.approx(1, abs=0.001)
        # Numbers of one draw are as independent as those of several.
        for apart in range(1, 5):
            pair = torch.stack([factors[:-apart], factors[apart:]])
            assert torch.corrcoef(pair)[0, 1].abs() < 0.005


@pytest.mark.parametrize("dropout", [0.0, 0.3, 1.0])
def test_in_the_place_of_torch(dropout) -> None:
    module = torch.nn.Sequential(torch.nn.Dropout(dropout))
    set_dropout(module)
    assert type(module[0]) is Dropout
    input = torch.ones(1000, 10, requires_grad=True)
    output = module(input)
    assert (output == 0).float().mean().item() == pytest.approx(dropout, abs=0.03)
    output.sum().backward()
    assert torch.equal(input.grad, output.detach())
    assert torch.equal(module.eval()(input), input)


def test_follows_the_seed() -> None:
    def draw(seed: int) -> torch.Tensor:
        torch.manual_seed(seed)
        return dropout_mask(1000, 0.5, torch.float32)

    assert torch.equal(draw(1), draw(1)) and not torch.equal(draw(1), draw(2))


def test_a_checkpoint_gets_it() -> None:
    model = load_pretrained(BertForSequenceClassification, str(BERT)).model
    dropouts = [each for each in model.modules() if isinstance(each, torch.nn.Dropout)]
    assert dropouts and all(type(each) is Dropout for each in dropouts)
