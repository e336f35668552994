import json
import shutil
from pathlib import Path

import pytest
import torch
from allennlp.common.checks import ConfigurationError
from allennlp.models.archival import load_archive
from allennlp.predictors import Predictor

from tests.support import ROOT, allennlp, write_lines


def fine_tune(task: str, archive: Path, directory: Path, **others: object) -> Path:
    overrides = {
        "model": {"type": "from_archive", "archive_file": str(archive)},
        "trainer.num_epochs": 1,
        **others,
    }
    config = ROOT / "training_config" / f"{task}.jsonnet"
    allennlp("train", config, "-s", directory, "-o", json.dumps(overrides))
    return directory / "model.tar.gz"


@pytest.fixture
def first(archive_of, tmp_path) -> Path:
    return Path(shutil.copy(archive_of("classification"), tmp_path / "first.tar.gz"))


@pytest.mark.parametrize("task", ["classification", "masked_lm", "token_classification"])
def test_the_new_archive_does_not_need_the_first(archive_of, tmp_path, task) -> None:
    first = Path(shutil.copy(archive_of(task), tmp_path / "first.tar.gz"))
    second = fine_tune(task, first, tmp_path / "second")
    first.unlink()
    archive = load_archive(second)
    assert archive.config["model"]["type"] == f"bert_for_{task}"
    trained = torch.load(tmp_path / "second" / "best.th")
    state = archive.model.state_dict()
    assert all(torch.equal(state[name], trained[name]) for name in state)
    assert type(Predictor.from_archive(archive)).__name__ != "Predictor"
    third = fine_tune(task, second, tmp_path / "third")
    second.unlink()
    assert load_archive(third).config["model"] == archive.config["model"]


def test_it_begins_with_the_weights_of_the_first(first, tmp_path) -> None:
    nothing = {"trainer.optimizer.lr": 0.0, "trainer.learning_rate_scheduler": None}
    second = fine_tune("classification", first, tmp_path / "second", **nothing)
    before, after = (load_archive(each).model.state_dict() for each in (first, second))
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_labels_keep_their_order(first, tmp_path) -> None:
    """A vocabulary of the new data alone would put the more frequent label first."""
    known = load_archive(first).model.vocab
    labels = list(known.get_token_to_index_vocabulary("labels"))
    lines = [{"text": "Fine.", "label": labels[-1]}] * 3 + [{"text": "Bad.", "label": labels[0]}]
    path = write_lines(tmp_path / "few.jsonl", lines)
    data = {"train_data_path": path, "validation_data_path": path}
    second = load_archive(fine_tune("classification", first, tmp_path / "second", **data))
    vocab = second.model.vocab
    assert list(vocab.get_token_to_index_vocabulary("labels")) == labels


def test_a_label_that_the_model_does_not_know(first, tmp_path) -> None:
    path = write_lines(tmp_path / "new.jsonl", [{"text": "Fine.", "label": "unheard-of"}])
    with pytest.raises(ConfigurationError, match="has 'unheard-of' in the namespace `labels`"):
        fine_tune("classification", first, tmp_path / "out", train_data_path=path)


def test_the_bert_of_an_archive_under_another_head(first, tmp_path) -> None:
    module = {"archive_file": str(first), "module_path": "bert", "freeze": False}
    model = {"type": "bert_for_token_classification", "bert_model": {"_pretrained": module}}
    second = fine_tune("token_classification", first, tmp_path / "second", model=model)
    first.unlink()
    assert load_archive(second).model.bert
