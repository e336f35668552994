"""A config of AllenNLP 0.9: its message, and the training of what the message says to write."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from allennlp.common import Params
from allennlp.common.checks import ConfigurationError

from bert_classification.commands.old_configs import check_style
from tests.support import ROOT, allennlp

OLD = Path(__file__).with_name("old_config.jsonnet")
ADVICE = re.compile(r"^- `([\w.]+)`: .*?(?:(take it out)|write (\{.*\}))$", re.MULTILINE)


@pytest.fixture
def vocabulary(archive_of, monkeypatch) -> Path:
    directory = archive_of("classification").parent / "vocabulary"
    monkeypatch.setenv("VOCABULARY", str(directory))
    return directory


def change(config: dict[str, Any], message: str) -> dict[str, Any]:
    """Makes every change to a config that the message asks for, and no other."""
    advice = ADVICE.findall(message)
    assert len(advice) == message.count("\n- ")
    for key, _, _ in advice:
        *parents, last = key.split(".")
        section = config
        for parent in parents:
            section = section[parent]
        del section[last]
    for _, _, written in advice:
        merge(config, json.loads(written or "{}"))
    return config


def merge(config: dict[str, Any], entries: dict[str, Any]) -> None:
    for key, value in entries.items():
        if isinstance(config.get(key), dict):
            merge(config[key], value)
        else:
            config[key] = value


def test_the_advice_makes_it_train(vocabulary, tmp_path) -> None:
    with pytest.raises(ConfigurationError, match="AllenNLP 0.9") as caught:
        allennlp("train", OLD, "-s", tmp_path / "refused")
    assert not (tmp_path / "refused").exists()
    for command, *outputs in (("find-lr", "-s", tmp_path), ("build-vocab", tmp_path / "v.tar.gz")):
        with pytest.raises(ConfigurationError, match="AllenNLP 0.9"):
            allennlp(command, OLD, *outputs)
    config = change(Params.from_file(str(OLD)).as_dict(), str(caught.value))
    (tmp_path / "today.json").write_text(json.dumps(config))
    allennlp("train", tmp_path / "today.json", "-s", tmp_path / "trained")
    assert "best_validation_accuracy" in json.loads((tmp_path / "trained/metrics.json").read_text())


@pytest.mark.parametrize(
    "key, value, written",
    [
        ("trainer.cuda_device", [0, 1], '{"distributed": {"cuda_devices": [0, 1]}}'),
        ("dataset_reader.lazy", True, '{"data_loader": {"max_instances_in_memory": 10000}}'),
        (
            "trainer.optimizer",
            {"type": "bert_adam", "lr": 2e-5},
            '"huggingface_adamw", "lr": 2e-05',
        ),
        ("dataset_reader.tokenizer", {"type": "word"}, '`"tokenizer": {"type": "spacy"}`'),
        ("iterator", {"type": "basic"}, '{"data_loader": {"batch_size": 32, "shuffle": true}}'),
    ],
)
def test_one_old_key(key, value, written) -> None:
    overrides = json.dumps({key: value})
    config = Params.from_file("training_config/classification.jsonnet", overrides).as_dict()
    with pytest.raises(ConfigurationError) as caught:
        check_style(config)
    _, line = str(caught.value).splitlines()
    assert line.startswith(f"- `{key}`: ") and written in line


@pytest.mark.parametrize("config", sorted((ROOT / "training_config").glob("*.jsonnet")))
def test_configs_of_today_have_no_advice(config) -> None:
    check_style(Params.from_file(str(config)).as_dict())


def test_configs_of_others_are_left_alone() -> None:
    check_style({"model": {"type": "mine", "initializer": []}, "trainer": {"shuffle": True}})
