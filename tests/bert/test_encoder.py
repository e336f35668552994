"""The padding-free way through BERT against the padded one of transformers."""

import pytest
import torch
from allennlp.common.checks import ConfigurationError

from bert_classification.bert.encoder import TextInput, encode, encode_field
from bert_classification.bert.pretrained import set_trainable
from tests.bert.support import encode_padded
from tests.support import random_batch

LENGTHS = {
    "one": [7],
    "equal": [5, 5, 5],
    "wildly different": [3, 60, 1, 17],
    "the longest beside the shortest": [128, 3],
    "with an empty row": [4, 0, 9],
}


@pytest.mark.parametrize("lengths", LENGTHS.values(), ids=LENGTHS)
def test_equals_the_padded_path(bert, lengths) -> None:
    ids, types, mask = random_batch(lengths)
    theirs = encode_padded(bert, ids, types, mask)
    ours = encode(bert, ids, types, mask)
    assert torch.allclose(ours.hidden_states[mask], theirs.hidden_states[mask], atol=1e-5)
    full = mask.any(-1)
    assert torch.allclose(ours.pooled[full], theirs.pooled[full], atol=1e-5)
    assert not ours.hidden_states[~mask].any()


@pytest.mark.parametrize("lengths", [*LENGTHS.values(), [1], [2], [1, 2], [100, 3, 98, 100]])
def test_prediction_equals_the_padded_path(bert, lengths) -> None:
    ids, types, mask = random_batch(lengths)
    with torch.inference_mode():
        theirs, ours = encode_padded(bert, ids, types, mask), encode(bert, ids, types, mask)
    assert torch.allclose(ours.hidden_states[mask], theirs.hidden_states[mask], atol=1e-5)
    assert torch.allclose(ours.pooled[mask.any(-1)], theirs.pooled[mask.any(-1)], atol=1e-5)


def test_pairs_texts_without_pieces_and_numbers_of_choices_that_vary(bert) -> None:
    # Two questions with three choices and one; the text of a choice may be nothing but [CLS].
    ids, types, mask = random_batch([8, 1, 20, 12, 0, 0])
    types = (torch.arange(20) > 5) & mask
    theirs = encode_padded(bert, ids, types.long(), mask)
    ours = encode(bert, *(tensor.view(2, 3, -1) for tensor in (ids, types.long(), mask)))
    assert ours.pooled.shape == (2, 3, 32)
    assert torch.allclose(ours.pooled.flatten(0, 1)[:4], theirs.pooled[:4], atol=1e-5)


@pytest.mark.parametrize("lengths", [[3, 30, 11], [9, 9, 9, 9], [7]])
@pytest.mark.parametrize("checkpointing", [False, True])
def test_gradients_equal_the_padded_path(bert, lengths, checkpointing) -> None:
    ids, types, mask = random_batch(lengths)
    if checkpointing:
        set_trainable(bert, True, gradient_checkpointing=True)
        for module in bert.train().modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0
    gradients = []
    for run in (encode, encode_padded):
        bert.zero_grad()
        output = run(bert, ids, types, mask)
        (output.hidden_states[mask].square().sum() + output.pooled.sum()).backward()
        gradients.append([parameter.grad.clone() for parameter in bert.parameters()])
    for ours, theirs in zip(*gradients):
        assert torch.allclose(ours, theirs, atol=1e-4, rtol=1e-4)


def test_leading_dimensions_stay(bert) -> None:
    ids, types, mask = random_batch([4, 0, 9, 2, 6, 1])
    flat = encode(bert, ids, types, mask)
    nested = encode(bert, *(tensor.view(2, 3, -1) for tensor in (ids, types, mask)))
    assert torch.equal(nested.hidden_states.flatten(0, 1), flat.hidden_states)
    assert torch.equal(nested.pooled.flatten(0, 1), flat.pooled)


def test_padding_on_the_left_changes_nothing(bert) -> None:
    ids, types, mask = random_batch([4, 9])
    right = encode(bert, ids, types, mask)
    turned = [tensor.clone() for tensor in (ids, types, mask)]
    for tensor in turned:
        tensor[0] = tensor[0].roll(5)
    left = encode(bert, *turned)
    assert torch.allclose(left.pooled, right.pooled, atol=1e-6)
    assert torch.allclose(left.hidden_states[0, 5:], right.hidden_states[0, :4], atol=1e-6)


def test_dropout_is_on_in_training_and_follows_the_seed(bert) -> None:
    batch = random_batch([4, 9])
    bert.train()
    runs = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        runs.append(encode(bert, *batch).pooled)
    assert torch.equal(runs[0], runs[1]) and not torch.equal(runs[0], runs[2])


def test_who_looks_at_the_embeddings_sees_one_text_a_row_and_changes_nothing(bert) -> None:
    ids, types, mask = random_batch([3, 9, 5])
    bert.train()
    torch.manual_seed(1)
    alone = encode(bert, ids, types, mask).hidden_states
    seen: list[torch.Size] = []
    look_up = bert.embeddings.word_embeddings
    hook = look_up.register_forward_hook(lambda module, inputs, output: seen.append(output.shape))
    torch.manual_seed(1)
    looked_at = encode(bert, ids, types, mask).hidden_states
    hook.remove()
    assert torch.equal(alone, looked_at) and [shape[:2] for shape in seen] == [(3, 9)]


def test_hidden_states_and_attentions_on_request(bert) -> None:
    ids, types, mask = random_batch([4, 9])
    tokens = {"bert": {"input_ids": ids, "token_type_ids": types, "mask": mask}}
    wanted = TextInput(output_hidden_states=True, output_attentions=True)
    asked = encode_field(bert, tokens, wanted)
    assert asked.layer_outputs["hidden_states"].shape == (2, 3, 9, 32)
    assert asked.layer_outputs["attentions"].shape == (2, 2, 2, 9, 9)
    assert torch.allclose(asked.layer_outputs["attentions"][0, 0, :, :4, :4].sum(-1), torch.ones(1))
    plain = encode_field(bert, tokens, TextInput())
    assert plain.layer_outputs == {}
    assert torch.allclose(asked.hidden_states, plain.hidden_states, atol=1e-5)
    assert torch.allclose(asked.pooled, plain.pooled, atol=1e-5)


class TestRefusals:
    def test_pieces_beyond_the_embedding_name_both_settings(self, bert) -> None:
        ids, types, mask = random_batch([4])
        with pytest.raises(ConfigurationError, match="pretrained_model.*model.bert_model"):
            encode(bert, ids + 600, types, mask)

    def test_texts_beyond_the_positions(self, bert) -> None:
        with pytest.raises(ConfigurationError, match="129 word pieces.*128 positions"):
            encode(bert, *random_batch([129]))
