"""Weights laid out for oneDNN follow the weights they were made of, and hinder nobody."""

import copy
import io
from typing import Callable

import pytest
import torch
from torch import Tensor
from transformers import BertModel

from bert_classification.bert.encoder import encode
from bert_classification.bert.precision import PrepackedLinear, set_precision
from bert_classification.bert.pretrained import load_pretrained
from tests.support import BERT


def load() -> BertModel:
    return load_pretrained(BertModel, BERT).model.eval()


def run(bert: BertModel) -> Tensor:
    ids = torch.arange(5, 15).view(2, 5)
    with torch.inference_mode():
        packed = encode(bert, ids, torch.zeros_like(ids), torch.ones_like(ids).bool())
        # In a packed row layers are fused.
        return torch.stack([packed.hidden_states, bert(ids).last_hidden_state])


@pytest.fixture
def bert() -> BertModel:
    """A BERT that has predicted once, so that its weights are laid out."""
    bert = load()
    set_precision(bert, "float32")
    run(bert)
    assert any(getattr(each, "_prepacked", None) is not None for each in bert.modules())
    return bert


def double(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: weight * 2 for name, weight in state.items()}


def write(bert: BertModel) -> None:
    bert.load_state_dict(double(bert.state_dict()))


def assign(bert: BertModel) -> None:
    bert.load_state_dict(double(bert.state_dict()), assign=True)


def set_data(bert: BertModel) -> None:
    for parameter in bert.parameters():
        parameter.data = parameter.data * 2


def set_parameters(bert: BertModel) -> None:
    for module in bert.modules():
        for name, parameter in list(module.named_parameters(recurse=False)):
            setattr(module, name, torch.nn.Parameter(parameter.detach() * 2))


@pytest.mark.parametrize("change", [write, assign, set_data, set_parameters])
def test_new_weights_are_seen(bert: BertModel, change: Callable[[BertModel], None]) -> None:
    before, plain = run(bert), load()
    change(bert)
    change(plain)
    assert torch.allclose(run(bert), run(plain), atol=1e-5)
    assert not torch.allclose(run(bert), before, atol=1e-2)


def test_half_precision_and_back(bert: BertModel) -> None:
    # What it was made of is freed, and the next weights may lie at its address.
    for _ in range(5):
        set_data(bert.half().float())
        plain = load()
        plain.load_state_dict(bert.state_dict())
        assert torch.allclose(run(bert), run(plain), atol=1e-5)


def test_it_can_be_copied_and_saved(bert: BertModel) -> None:
    expected = run(bert)
    file = io.BytesIO()
    torch.save(bert, file)
    file.seek(0)
    saved = torch.load(file, weights_only=False)
    for other in (copy.deepcopy(bert), saved):
        assert torch.equal(run(other), expected)
    # A copy has weights of its own.
    other = copy.deepcopy(bert)
    write(other)
    assert torch.equal(run(bert), expected) and not torch.allclose(run(other), expected, atol=1e-2)


def test_int8_after_float32_is_int8(bert: BertModel) -> None:
    plain = load()
    set_precision(plain, "int8")
    set_precision(bert, "int8")
    assert not any(isinstance(module, PrepackedLinear) for module in bert.modules())
    assert torch.equal(run(bert), run(plain))


def test_a_model_that_is_made_in_inference_mode(bert: BertModel) -> None:
    with torch.inference_mode():
        made = load()
        set_precision(made, "float32")
    assert torch.equal(run(made), run(bert))
    assert torch.equal(run(made), run(bert))
