"""Fused layers, and the last layer for some pieces alone, beside BERT as transformers runs it."""

import copy
import pickle

import pytest
import torch
from transformers import BertModel

from bert_classification.bert.encoder import TextInput, encode_field, encode_pooled
from bert_classification.bert.fused import find_layers
from bert_classification.bert.packing import use_packed_attention
from bert_classification.bert.precision import set_precision
from tests.support import BERT, random_batch

LENGTHS = [3, 60, 1, 17, 15, 16, 41, 3]
HAS_VNNI = torch.cpu._is_vnni_supported()


def load(**config) -> BertModel:
    bert = BertModel.from_pretrained(BERT, **config).eval()
    use_packed_attention(bert)
    return bert


def field(lengths: list[int]) -> dict:
    ids, types, mask = random_batch(lengths)
    return {"bert": {"input_ids": ids, "token_type_ids": types, "mask": mask}}


@pytest.fixture(scope="module")
def tokens() -> dict:
    return field(LENGTHS)


@pytest.fixture(scope="module")
def wanted(tokens) -> torch.Tensor:
    torch.manual_seed(2)
    mask = tokens["bert"]["mask"].bool()
    return mask & (torch.rand(mask.shape) < 0.3)


@pytest.mark.parametrize("is_decoder", [False, True])
def test_they_give_what_the_usual_layers_give(tokens, is_decoder) -> None:
    bert = load(is_decoder=is_decoder)
    with torch.inference_mode():
        plain = encode_field(bert, tokens, TextInput())
        set_precision(bert, "float32")
        assert find_layers(bert, plain.hidden_states)
        fused = encode_field(bert, tokens, TextInput())
    assert torch.allclose(fused.hidden_states, plain.hidden_states, atol=1e-5)
    assert torch.allclose(fused.pooled, plain.pooled, atol=1e-5)


@pytest.mark.parametrize("precision", [None, "float32", "int8"])
@pytest.mark.parametrize("add_pooling_layer", [True, False])
def test_pieces_that_are_wanted_are_those_of_all(
    tokens, wanted, precision, add_pooling_layer
) -> None:
    bert = BertModel.from_pretrained(BERT, add_pooling_layer=add_pooling_layer).eval()
    use_packed_attention(bert)
    if precision is not None:
        set_precision(bert, precision)
    with torch.inference_mode():
        every = encode_field(bert, tokens, TextInput())
        some = encode_field(bert, tokens, TextInput(), wanted)
        none = encode_field(bert, tokens, TextInput(), torch.zeros_like(wanted))
    first = torch.zeros_like(wanted)
    first[:, 0] = add_pooling_layer
    for given, seen in ((some, wanted | first), (none, first)):
        expected = every.hidden_states * seen.unsqueeze(-1)
        assert torch.allclose(given.hidden_states, expected, atol=1e-5)
        if add_pooling_layer:
            assert torch.allclose(given.pooled, every.pooled, atol=1e-5)
    if add_pooling_layer:
        with torch.inference_mode():
            pooled = encode_pooled(bert, tokens, TextInput()).pooled
        assert torch.allclose(pooled, every.pooled, atol=1e-5)


@pytest.mark.parametrize("gradient_checkpointing", [False, True])
def test_gradients_are_those_of_all_pieces(tokens, wanted, gradient_checkpointing) -> None:
    gradients = []
    for chosen in (wanted, None):
        bert = load(hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0).train()
        if gradient_checkpointing:
            bert.gradient_checkpointing_enable({"use_reentrant": False})
        encoded = encode_field(bert, tokens, TextInput(), chosen)
        (encoded.hidden_states[wanted].square().sum() + encoded.pooled.sum()).backward()
        gradients.append([each.grad for each in bert.parameters()])
    for ours, theirs in zip(*gradients):
        assert torch.allclose(ours, theirs, atol=1e-4)


@pytest.mark.skipif(not HAS_VNNI, reason="int8 has one scale a batch where there is no VNNI")
def test_int8_of_a_text_does_not_depend_on_its_batch(tokens) -> None:
    bert = load()
    set_precision(bert, "int8")
    with torch.inference_mode():
        together = encode_pooled(bert, tokens, TextInput()).pooled
        for row, length in enumerate(LENGTHS):
            alone = {key: each[row : row + 1, :length] for key, each in tokens["bert"].items()}
            pooled = encode_pooled(bert, {"bert": alone}, TextInput()).pooled
            assert torch.allclose(pooled[0], together[row], atol=2e-3)


@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_copies_predict_as_well(tokens, precision) -> None:
    bert = load()
    set_precision(bert, precision)
    with torch.inference_mode():
        expected = encode_pooled(bert, tokens, TextInput()).pooled
        for other in (copy.deepcopy(bert), pickle.loads(pickle.dumps(bert))):
            pooled = encode_pooled(other, tokens, TextInput()).pooled
            assert torch.allclose(pooled, expected, atol=1e-5 if precision == "float32" else 0.1)


@pytest.mark.parametrize("then", ["float32", "int8"])
def test_int8_stays_int8(tokens, then) -> None:
    bert = load()
    set_precision(bert, "int8")
    with torch.inference_mode():
        expected = encode_pooled(bert, tokens, TextInput()).pooled
        set_precision(bert, then)
        assert torch.equal(encode_pooled(bert, tokens, TextInput()).pooled, expected)


def test_where_they_do_not_run(tokens) -> None:
    bert, states = load(), torch.zeros(1, 4, 32)
    with torch.inference_mode():
        assert not find_layers(bert, states)
        set_precision(bert, "float32")
        assert find_layers(bert, states)
        assert not find_layers(bert, states.double())
        with torch.autocast("cpu", torch.bfloat16):
            assert not find_layers(bert, states)
        assert not find_layers(bert.train(), states)
        assert not find_layers(bert.eval().half(), states)
        set_precision(bert.float(), "bfloat16")
        assert not find_layers(bert, states)
        other = load(hidden_act="relu")
        set_precision(other, "float32")
        assert not find_layers(other, states)
    assert not find_layers(bert, states)
