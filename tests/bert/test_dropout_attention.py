"""Attention with dropout of our own against PyTorch's."""

import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention

from bert_classification.bert.dropout_attention import DropoutAttention

GROUPS = [(2, 1), (1, 3), (3, 4)]
LENGTH = 17


def states(requires_grad: bool = False) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(3)
    shape = (LENGTH, 2, 5)
    return [
        torch.randn(shape, generator=generator, dtype=torch.float64).requires_grad_(requires_grad)
        for _ in range(3)
    ]


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
