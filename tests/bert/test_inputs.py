"""Batches that BERT cannot be run over end in a sentence with the cause."""

import pytest
import torch
from allennlp.common.checks import ConfigurationError
from transformers import BertModel

from bert_classification.bert.encoder import TextInput, encode, encode_field
from bert_classification.bert.pretrained import load_pretrained
from tests.support import BERT

IDS = torch.arange(5, 13).view(2, 4)
MASK = torch.ones(2, 4, dtype=torch.bool)


@pytest.fixture(scope="module")
def bert() -> BertModel:
    return load_pretrained(BertModel, BERT).model.eval()


@pytest.mark.parametrize("padded", [False, True], ids=["packed", "padded"])
@pytest.mark.parametrize(
    "input_ids, mask, message",
    [
        (IDS, MASK & False, "No text of the batch has a word piece: `mask`, Tensor .2, 4."),
        (IDS[:0], MASK[:0], "`input_ids` is Tensor .0, 4. .* at least one"),
        (IDS[:, :0], MASK[:, :0], "`input_ids` is Tensor .2, 0. .* at least one"),
        (IDS.float(), MASK, "torch.float32; expected whole numbers"),
    ],
    ids=["no piece", "no text", "no column", "floats"],
)
def test_nothing_to_run(bert, input_ids, mask, message: str, padded: bool) -> None:
    types = torch.zeros_like(mask, dtype=torch.long)
    tokens = {"bert": {"input_ids": input_ids, "token_type_ids": types, "mask": mask}}
    with pytest.raises(ConfigurationError, match=message):
        encode_field(bert, tokens, TextInput(output_attentions=padded))


@pytest.mark.parametrize("mask", [MASK.float(), MASK.long(), MASK.int()])
def test_a_mask_may_be_of_any_type(bert, mask) -> None:
    types = torch.zeros_like(IDS)
    expected = encode(bert, IDS, types, MASK).hidden_states
    assert torch.equal(encode(bert, IDS, types, mask).hidden_states, expected)


def test_holes_in_the_mask_are_the_same_in_both_ways(bert) -> None:
    mask = torch.tensor([[1, 0, 1, 1], [0, 1, 0, 1]]).bool()
    tokens = {"bert": {"input_ids": IDS, "token_type_ids": IDS * 0, "mask": mask}}
    packed, padded = (encode_field(bert, tokens, TextInput(output_attentions=on)) for on in (0, 1))
    assert torch.allclose(packed.hidden_states, padded.hidden_states, atol=1e-5)
    assert torch.allclose(packed.pooled, padded.pooled, atol=1e-5)
