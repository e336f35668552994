"""Gradients of gradients, through packed texts."""

import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention
from transformers import BertConfig, BertModel

from bert_classification.bert.encoder import encode
from bert_classification.bert.packing import use_packed_attention
from bert_classification.bert.twice_differentiable import TwiceDifferentiableAttention
from tests.bert.support import encode_padded
from tests.support import random_batch


@pytest.mark.parametrize("causal", [False, True])
def test_first_and_second_gradients(causal) -> None:
    torch.manual_seed(0)
    states = [torch.randn(2, 3, 5, 4, dtype=torch.double, requires_grad=True) for _ in range(3)]

    def attend(*inputs: torch.Tensor) -> torch.Tensor:
        return TwiceDifferentiableAttention.apply(*inputs, causal, 0.5)

    theirs = scaled_dot_product_attention(*states, is_causal=causal, scale=0.5)
    assert torch.allclose(attend(*states), theirs)
    assert torch.autograd.gradcheck(attend, states)
    assert torch.autograd.gradgradcheck(attend, states)


def hessian_product(bert: BertModel, loss: torch.Tensor) -> torch.Tensor:
    weight = bert.encoder.layer[0].attention.self.query.weight
    (gradient,) = torch.autograd.grad(loss, weight, create_graph=True)
    return torch.autograd.grad(gradient.pow(2).sum(), weight)[0]


def test_a_packed_batch_has_the_hessian_of_a_padded_one() -> None:
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=500,
        hidden_size=24,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        attn_implementation="eager",
    )
    bert = BertModel(config).eval()
    ids, types, mask = random_batch([7, 3, 50])
    expected = hessian_product(bert, encode_padded(bert, ids, types, mask).pooled.pow(2).sum())
    use_packed_attention(bert)
    found = hessian_product(bert, encode(bert, ids, types, mask).pooled.pow(2).sum())
    assert expected.abs().max() > 0
    assert torch.allclose(found, expected, rtol=1e-3, atol=expected.abs().max().item() * 1e-4)


def test_gradients_may_be_asked_for_again() -> None:
    query = torch.randn(1, 1, 4, 4, requires_grad=True)
    attended = TwiceDifferentiableAttention.apply(query, query, query, False, 0.5).sum()
    first = torch.autograd.grad(attended, query, retain_graph=True)[0]
    assert first.equal(torch.autograd.grad(attended, query)[0])
