"""Every command of AllenNLP's says what is wrong with what it was given in one sentence."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from bert_classification.commands.refusals import is_refusal
from tests.support import FIXTURES, ROOT, allennlp

ARCHIVE = FIXTURES / "archives" / "classification.tar.gz"
DATA = FIXTURES / "classification" / "dev.jsonl"
CONFIG = ROOT / "training_config" / "classification.jsonnet"


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    """A directory with what may be named by mistake, where the shipped config finds its data."""
    (tmp_path / "short.tar.gz").write_bytes(ARCHIVE.read_bytes()[:1000])
    (tmp_path / "bad.jsonl").write_text('{"text": 5, "label": "neutral"}\n')
    (tmp_path / "broken.jsonnet").write_text('{ "model": ')
    (tmp_path / "list.json").write_text("[1]")
    shutil.copytree(FIXTURES, tmp_path / "fixtures", ignore=shutil.ignore_patterns("archives"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refuse(*command: Any) -> None:
    """Asserts that what reaches the excepthook is a refusal, in one sentence."""
    with pytest.raises(Exception) as caught:
        allennlp(*command)
    assert is_refusal(caught.value), caught.value
    assert "\n" not in str(caught.value).strip()


NO_ARCHIVES = (
    *(["short.tar.gz"], ["missing.tar.gz"], ["bad.jsonl"], ["."]),
    [ARCHIVE, "-o", "{no"],
    [ARCHIVE, "-o", "[1]"],
    [ARCHIVE, "-o", '{"model.unheard_of": 1}'],
    [ARCHIVE, "-o", '{"model": 5}'],
    [ARCHIVE, "--cuda-device", "99"],
    [ARCHIVE, "--weights-file", "missing.th"],
)


@pytest.mark.parametrize("archive", NO_ARCHIVES)
def test_archives(here, archive) -> None:
    first, *options = archive
    refuse("serve", "--archive-path", first, *options)
    refuse("evaluate", first, DATA, *options)


@pytest.mark.parametrize("data", ["bad.jsonl", "missing.jsonl", "."])
def test_data_for_an_evaluation(here, data) -> None:
    refuse("evaluate", ARCHIVE, data)


@pytest.mark.parametrize("config", ["broken.jsonnet", "missing.jsonnet", "list.json", "."])
def test_configs(here, config) -> None:
    refuse("train", config, "-s", "out")
    refuse("find-lr", config, "-s", "out")
    refuse("build-vocab", config, "out.tar.gz")
    refuse("count-instances", config)


@pytest.mark.parametrize(
    "overrides",
    [
        "{no",
        "[1]",
        '{"train_data_path": "bad.jsonl"}',
        '{"train_data_path": "missing.jsonl"}',
        '{"dataset_reader.unheard_of": 1}',
        '{"dataset_reader": 5}',
        '{"data_loader": 5}',
        '{"data_loader.batch_size": 0}',
        '{"data_loader.batch_size": "x"}',
        '{"trainer": null}',
        '{"trainer.unheard.of": 1}',
    ],
)
def test_overrides(here, overrides) -> None:
    refuse("train", CONFIG, "-s", "one", "-o", overrides)
    refuse("find-lr", CONFIG, "-s", "other", "-o", overrides)


@pytest.mark.parametrize("line", ["5", "broken"])
def test_data_for_a_vocabulary_or_a_count(here, line) -> None:
    """These two commands of AllenNLP's do not look at overrides."""
    (here / "fixtures" / "classification" / "train.jsonl").write_text(line)
    refuse("build-vocab", CONFIG, "out.tar.gz")
    refuse("count-instances", CONFIG)


def test_a_vocabulary_that_is_there(here) -> None:
    refuse("build-vocab", CONFIG, "short.tar.gz")
