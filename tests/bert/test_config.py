"""What a model's `encoder` and `dropout` set of a checkpoint's configuration."""

import json
import math

import pytest
import torch
from allennlp.common.checks import ConfigurationError
from allennlp.models.archival import load_archive
from transformers import BertForSequenceClassification

from bert_classification.bert.pretrained import load_pretrained
from bert_classification.bert.token_embedder import PretrainedBertEmbedder
from tests.support import BERT, ROOT, TASKS, allennlp

SETTINGS = {
    "hidden_dropout_prob": 0.25,
    "attention_probs_dropout_prob": 0.0,
    "classifier_dropout": 0.4,
    "layer_norm_eps": 1e-5,
    "hidden_act": "relu",
}


def train(task: str, directory, **overrides) -> None:
    config = ROOT / "training_config" / f"{task}.jsonnet"
    overrides = {"trainer.num_epochs": 1, **overrides}
    allennlp("train", config, "-s", directory, "-o", json.dumps(overrides))


@pytest.mark.parametrize("task", TASKS)
def test_settings_hold_in_training_and_in_the_archive(task, tmp_path) -> None:
    train(task, tmp_path / "out", **{"model.encoder": SETTINGS, "trainer.optimizer.lr": 1e-3})
    model = load_archive(tmp_path / "out" / "model.tar.gz").model
    assert {key: getattr(model.bert.config, key) for key in SETTINGS} == SETTINGS
    assert model.bert.embeddings.dropout.p == 0.25
    assert model.bert.embeddings.LayerNorm.eps == 1e-5
    assert isinstance(model.bert.encoder.layer[0].intermediate.intermediate_act_fn, torch.nn.ReLU)


def test_an_archive_may_be_opened_with_others(archive_of) -> None:
    overrides = {"model.encoder": {"hidden_act": "relu"}}
    model = load_archive(archive_of("classification"), overrides=overrides).model
    assert model.bert.config.hidden_act == "relu"


def test_the_embedder_takes_them() -> None:
    embedder = PretrainedBertEmbedder(BERT, encoder=SETTINGS)
    config = embedder.bert.config
    assert {key: getattr(config, key) for key in SETTINGS} == SETTINGS


def test_an_export_has_them(tmp_path) -> None:
    train("classification", tmp_path / "out", **{"model.encoder": SETTINGS})
    allennlp("export-hf", tmp_path / "out", tmp_path / "exported")
    config = BertForSequenceClassification.from_pretrained(tmp_path / "exported").config
    assert {key: getattr(config, key) for key in SETTINGS} == SETTINGS


@pytest.mark.parametrize(
    "settings, said",
    [
        ({"hidden_size": 64}, "`model.encoder.hidden_size` cannot be set (it belongs to the"),
        ({"num_hidden_layers": 1}, "it belongs to the weights"),
        ({"vocab_size": 9}, "it belongs to the weights"),
        ({"hidden_dropout": 0.1}, "no BERT has it; did you mean `hidden_dropout_prob`?"),
        ({"hidden_dropout_prob": 1.0}, "is 1.0; expected a number from 0 to below 1"),
        ({"hidden_dropout_prob": True}, "is True; expected a number"),
        ({"attention_probs_dropout_prob": "0.1"}, "is '0.1'; expected a number"),
        ({"layer_norm_eps": math.nan}, "expected a small number above 0"),
        ({"initializer_range": 0}, "expected a number above 0"),
        ({"hidden_act": "geluu"}, "is 'geluu'; expected one of"),
        ({"hidden_act": ["gelu"]}, "expected one of"),
    ],
)
def test_what_cannot_be_set(settings, said) -> None:
    with pytest.raises(ConfigurationError) as refused:
        load_pretrained(BertForSequenceClassification, BERT, encoder=settings)
    assert said in str(refused.value)


def test_a_model_that_is_there_keeps_its_own(bert) -> None:
    with pytest.raises(ConfigurationError, match="no effect on a `BertModel`"):
        load_pretrained(BertForSequenceClassification, bert, encoder={"hidden_dropout_prob": 0.0})


@pytest.mark.parametrize(
    "encoder, expected",
    [
        ({"classifier_dropout": 0.4}, 0.4),
        ({"classifier_dropout": None, "hidden_dropout_prob": 0.3}, 0.3),
        ({"classifier_dropout": 0.0, "hidden_dropout_prob": 0.3}, 0.0),
    ],
)
@pytest.mark.parametrize(
    "task", ["classification", "multiple_choice", "question_answering", "token_classification"]
)
def test_null_is_the_dropout_of_the_checkpoint(task, encoder, expected, archive_of) -> None:
    overrides = {"model.dropout": None, "model.encoder": encoder}
    assert load_archive(archive_of(task), overrides=overrides).model.dropout.p == expected
