"""Dropout of our own against PyTorch's, of hidden states and of attention weights."""

import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention
from transformers import BertForSequenceClassification

from bert_classification.bert.dropout import Dropout, dropout_mask, set_dropout
from bert_classification.bert.dropout_attention import DropoutAttention
from bert_classification.bert.pretrained import load_pretrained
from tests.support import BERT

GROUPS = [(2, 1), (1, 3), (3, 4)]
LENGTH = 17


def states(requires_grad: bool = False) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(3)
    shape = (LENGTH, 2, 5)
    return [
        torch.randn(shape, generator=generator, dtype=torch.float64).requires_grad_(requires_grad)
        for _ in range(3)
    ]


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


def test_attention_without_a_dropped_weight_is_that_of_torch() -> None:
    query, key, value = states()
    # So little is rounded to nothing.
    ours = DropoutAttention.apply(query, key, value, GROUPS, 1e-9)
    start = 0
    for count, length in GROUPS:
        for _ in range(count):
            text = slice(start, start + length)
            q, k, v = (each[text].transpose(0, 1) for each in (query, key, value))
            theirs = scaled_dot_product_attention(q, k, v, scale=1.0)
            assert torch.allclose(ours[text].transpose(0, 1), theirs, atol=1e-7)
            start = text.stop
    assert start == LENGTH


def test_gradients_of_attention_are_those_of_its_numbers() -> None:
    def attention(*parts: torch.Tensor) -> torch.Tensor:
        torch.manual_seed(5)
        return DropoutAttention.apply(*parts, GROUPS, 0.4)

    assert torch.autograd.gradcheck(attention, states(requires_grad=True))


def test_attention_drops_weights_and_keeps_the_mean() -> None:
    query, key, _ = states()
    value = torch.ones(LENGTH, 2, 5, dtype=torch.float64)
    torch.manual_seed(2)
    runs = torch.stack(
        [DropoutAttention.apply(query, key, value, GROUPS, 0.25) for _ in range(2000)]
    )
    # The weights of a piece sum to 1; what is dropout_mask of them does so on average.
    assert torch.allclose(runs.mean(0), value, atol=0.1)
    alone = runs[:, 0, 0, 0]
    assert (alone == 0).double().mean().item() == pytest.approx(0.25, abs=0.05)
