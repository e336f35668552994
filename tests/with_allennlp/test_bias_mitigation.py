"""AllenNLP's mitigation of bias around our classifier: trained, archived, opened elsewhere."""

import json
import shutil
import tarfile
from pathlib import Path
from typing import Any

import pytest
import torch
from allennlp.common.checks import ConfigurationError
from allennlp.fairness import bias_metrics, fairness_metrics
from allennlp.models.archival import load_archive
from allennlp.predictors import Predictor

from tests.support import BERT, ROOT, allennlp

TOKENIZER = {
    "type": "pretrained_transformer",
    "model_name": BERT,
    "add_special_tokens": False,
}
CLASSIFIER = {"type": "bert_for_classification", "bert_model": BERT}


@pytest.fixture
def pairs(tmp_path) -> Path:
    path = tmp_path / "pairs.json"
    path.write_text('[["the", "was"], ["good", "bad"], ["he", "she"]]')
    return path


def direction(pairs: Path) -> dict[str, Any]:
    return {"type": "two_means", "seed_word_pairs_file": str(pairs), "tokenizer": TOKENIZER}


def mitigated(pairs: Path, mitigator: str) -> dict[str, Any]:
    words = {"tokenizer": TOKENIZER}
    settings: dict[str, Any] = {
        "linear": {"bias_direction": direction(pairs)},
        "hard": {
            "bias_direction": direction(pairs),
            "equalize_word_pairs_file": str(pairs),
            **words,
        },
        "inlp": {"seed_word_pairs_file": str(pairs), **words},
    }
    return {
        "type": "bias_mitigator_applicator",
        "base_model": CLASSIFIER,
        "bias_mitigator": {"type": mitigator, **settings[mitigator]},
    }


def train(model: dict[str, Any], directory: Path, **trainer: Any) -> Path:
    overrides = {"model": model, "trainer.num_epochs": 1, **trainer}
    config = ROOT / "training_config" / "classification.jsonnet"
    allennlp("train", config, "-s", directory, "-o", json.dumps(overrides))
    return directory / "model.tar.gz"


@pytest.mark.parametrize("mitigator", ["linear", "hard", "inlp"])
def test_an_archive_carries_the_lists_of_words(tmp_path, pairs, mitigator) -> None:
    archive = train(mitigated(pairs, mitigator), tmp_path / "trained")
    pairs.unlink()
    predictor = Predictor.from_path(str(archive), "bert_for_classification")
    record = {"text": "the food was good"}
    with_mitigation = predictor.predict_json(record)["logits"]
    predictor.get_interpretable_layer()._forward_hooks.clear()
    assert predictor.predict_json(record)["logits"] != pytest.approx(with_mitigation, abs=1e-7)


def test_damaged_lists_of_words_are_one_sentence(tmp_path, pairs) -> None:
    archive = train(mitigated(pairs, "linear"), tmp_path / "trained")
    contents, damaged = tmp_path / "contents", tmp_path / "damaged.tar.gz"
    shutil.unpack_archive(archive, contents)
    (words,) = (contents / "vocabulary" / ".bert" / "files").iterdir()
    for text in ("[" * 200_000, "no JSON", "[[null, null]]"):
        words.write_text(text)
        with tarfile.open(damaged, "w:gz") as tar:
            for path in contents.iterdir():
                tar.add(path, arcname=path.name)
        with pytest.raises(ConfigurationError, match="damaged.tar.gz is not opened: .*`model`"):
            load_archive(damaged)


def test_nothing_is_left_of_the_direction(tmp_path, pairs) -> None:
    model = load_archive(train(mitigated(pairs, "linear"), tmp_path / "trained")).model
    embeddings = model.base_model.bert.embeddings.word_embeddings
    embedded = embeddings(torch.arange(embeddings.num_embeddings))
    along = embedded @ model.bias_mitigator.predetermined_bias_direction
    assert along.abs().max() < 1e-6


def test_an_adversary_is_trained(tmp_path, pairs) -> None:
    feedforward = {"input_dim": 3, "num_layers": 1, "hidden_dims": 1, "activations": "linear"}
    model = {
        "type": "adversarial_bias_mitigator",
        "predictor": CLASSIFIER,
        "predictor_output_key": "probs",
        "bias_direction": direction(pairs),
        "adversary": {"type": "feedforward_regression_adversary", "feedforward": feedforward},
    }
    callbacks = [{"type": "adversarial_bias_mitigator_backward"}]
    archive = train(model, tmp_path / "trained", **{"trainer.callbacks": callbacks})
    predictor = Predictor.from_path(str(archive), "bert_for_classification")
    predictor.predict_batch_json([{"text": "Fine."}, {"text": "the food was good"}])
    assert predictor._model._adversary_label_hook.adversary_label.shape == (2, 1)


def test_metrics_of_fairness_read_our_predictions(archive_of) -> None:
    predictor = Predictor.from_path(str(archive_of("classification")))
    texts = [f"{who} is {what}" for who in ("he", "she") for what in ("good", "bad", "here")]
    outputs = predictor.predict_batch_json([{"text": text} for text in texts])
    probs = torch.tensor([output["probs"] for output in outputs])
    groups = torch.tensor([0, 0, 0, 1, 1, 1])
    independence = fairness_metrics.Independence(num_classes=3, num_protected_variable_labels=2)
    independence(probs.argmax(-1), groups)
    assert set(independence.get_metric()) == {0, 1}
    inference = bias_metrics.NaturalLanguageInference(neutral_label=0)
    inference(probs)
    metric = inference.get_metric()
    assert metric["net_neutral"] == pytest.approx(probs[:, 0].mean().item())
