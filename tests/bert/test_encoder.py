"""The padding-free way through BERT against the padded one of transformers."""

import shutil

import pytest
import torch
from allennlp.common.checks import ConfigurationError
from transformers import BertConfig, BertForSequenceClassification, BertModel
from transformers.utils import logging

from bert_classification.bert.encoder import Encoded, TextInput, encode, encode_field
from bert_classification.bert.packing import round_up, use_packed_attention
from bert_classification.bert.pretrained import load_pretrained, set_trainable
from tests.support import BERT, random_batch

LENGTHS = {
    "one": [7],
    "equal": [5, 5, 5],
    "wildly different": [3, 60, 1, 17],
    "the longest beside the shortest": [128, 3],
    "with an empty row": [4, 0, 9],
}


@pytest.fixture
def bert() -> BertModel:
    bert = BertModel.from_pretrained(BERT).eval()
    use_packed_attention(bert)
    return bert


def encode_padded(bert: BertModel, ids, types, mask) -> Encoded:
    bert.set_attn_implementation("eager")
    output = bert(input_ids=ids, token_type_ids=types, attention_mask=mask.long())
    if not bert.training:  # Where it is, a recomputed layer asks for the attention again.
        use_packed_attention(bert)
    return Encoded(output.last_hidden_state, output.pooler_output)


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


def test_at_prediction_rows_have_few_lengths() -> None:
    with torch.inference_mode():
        rows = [torch.zeros(1, pieces, 1) for pieces in range(1, 2049)]
        rounded = [round_up(row, [(1, row.size(1))]) for row in rows]
    lengths = [row.size(1) for row, _ in rounded]
    assert all(sum(size for _, size in groups) == len(row[0]) for row, groups in rounded)
    assert all(0 <= (own - length) <= max(3, length / 16) for length, own in enumerate(lengths, 1))
    assert len(set(lengths)) < 100
    row = torch.zeros(1, 7, 1)
    assert round_up(row, [(1, 7)])[0] is row, "in training nothing is added"


def test_512_pieces_beside_3() -> None:
    config = BertConfig.from_pretrained(BERT, max_position_embeddings=512)
    bert = BertModel(config).eval()
    use_packed_attention(bert)
    ids, types, mask = random_batch([512, 3])
    theirs, ours = encode_padded(bert, ids, types, mask), encode(bert, ids, types, mask)
    assert torch.allclose(ours.hidden_states[mask], theirs.hidden_states[mask], atol=1e-5)
    assert torch.allclose(ours.pooled, theirs.pooled, atol=1e-5)


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


def test_gradient_checkpointing_is_really_on(bert) -> None:
    calls = []
    for layer in bert.encoder.layer:
        layer.attention.register_forward_hook(lambda *_: calls.append(1))
    for on, expected in ((False, 2), (True, 4)):
        calls.clear()
        set_trainable(bert, True, gradient_checkpointing=on)
        bert.train()
        encode(bert, *random_batch([4, 9])).pooled.sum().backward()
        assert len(calls) == expected  # each layer once more in the backward pass


@pytest.mark.parametrize(
    "trainable, layers", [(True, {0, 1}), (False, set()), (1, {1}), (0, set()), (2, {0, 1})]
)
def test_trainable_layers(bert, trainable, layers) -> None:
    set_trainable(bert, trainable)
    trained = {name for name, parameter in bert.named_parameters() if parameter.requires_grad}
    assert {int(name.split(".")[2]) for name in trained if ".layer." in name} == layers
    assert any(name.startswith("pooler") for name in trained) is bool(layers)
    assert any(name.startswith("embeddings") for name in trained) is (trainable is True)


class TestRefusals:
    def test_pieces_beyond_the_embedding_name_both_settings(self, bert) -> None:
        ids, types, mask = random_batch([4])
        with pytest.raises(ConfigurationError, match="pretrained_model.*model.bert_model"):
            encode(bert, ids + 600, types, mask)

    def test_texts_beyond_the_positions(self, bert) -> None:
        with pytest.raises(ConfigurationError, match="129 word pieces.*128 positions"):
            encode(bert, *random_batch([129]))

    @pytest.mark.parametrize("trainable", [3, -1, "all"])
    def test_trainable_that_is_no_number_of_layers(self, bert, trainable) -> None:
        with pytest.raises(ConfigurationError, match="`trainable`"):
            set_trainable(bert, trainable)


@pytest.mark.parametrize("max_shard_size", ["1GB", "20KB"])
def test_a_half_precision_checkpoint_is_loaded_in_full(tmp_path, caplog, max_shard_size) -> None:
    half = BertForSequenceClassification.from_pretrained(BERT).half()
    half.save_pretrained(tmp_path, max_shard_size=max_shard_size)
    assert len(list(tmp_path.glob("*.safetensors"))) > (max_shard_size == "20KB")
    model, has_head, _ = load_pretrained(BertForSequenceClassification, str(tmp_path))
    assert has_head and {weight.dtype for weight in model.parameters()} == {torch.float32}
    for name, weight in model.state_dict().items():
        assert torch.equal(weight, half.state_dict()[name].float())
    with caplog.at_level("INFO"):
        _, has_head, _ = load_pretrained(BertForSequenceClassification, BERT)
    assert not has_head and "fresh classifier.bias, classifier.weight" in caplog.text


def test_transformers_is_as_loud_as_before_when_loading_fails(tmp_path) -> None:
    before = (logging.get_verbosity(), logging.is_progress_bar_enabled())
    shutil.copy(f"{BERT}/config.json", tmp_path)
    with pytest.raises(OSError, match="no file named"):
        load_pretrained(BertForSequenceClassification, str(tmp_path))
    assert (logging.get_verbosity(), logging.is_progress_bar_enabled()) == before
