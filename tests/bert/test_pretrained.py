"""A pre-trained BERT: what of it trains, and how it is loaded."""

import shutil

import pytest
import torch
from allennlp.common.checks import ConfigurationError
from transformers import BertForSequenceClassification
from transformers.utils import logging

from bert_classification.bert.encoder import encode
from bert_classification.bert.pretrained import load_pretrained, set_trainable
from tests.support import BERT, random_batch


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
    with pytest.raises(ConfigurationError, match="no file named"):
        load_pretrained(BertForSequenceClassification, str(tmp_path))
    assert (logging.get_verbosity(), logging.is_progress_bar_enabled()) == before
