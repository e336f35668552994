import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from allennlp.common import Params
from allennlp.models import Model
from allennlp.models.archival import load_archive
from allennlp.predictors import Predictor
from allennlp.training import TrainerCallback
from transformers import PreTrainedModel

from tests.support import BERT, FIXTURES, ROOT, TASKS, allennlp, read_json_lines

RECORD = {"text": "The soup was cold.", "text_pair": "How was it?"}


@pytest.fixture
def far_away(tmp_path):
    """An archive trained on a BERT that is gone since, moved to another directory."""
    bert = shutil.copytree(BERT, tmp_path / "bert")
    key = "dataset_reader.token_indexers.bert.pretrained_model"
    overrides = {key: str(bert), "model.bert_model": str(bert), "trainer.num_epochs": 1}
    config = ROOT / "training_config" / "classification.jsonnet"
    allennlp("train", config, "-s", tmp_path / "out", "-o", json.dumps(overrides))
    before = Predictor.from_path(tmp_path / "out" / "model.tar.gz").predict_json(RECORD)
    shutil.rmtree(bert)
    (tmp_path / "far").mkdir()
    archive = shutil.move(tmp_path / "out" / "model.tar.gz", tmp_path / "far" / "away.tar.gz")
    return archive, before


def test_an_archive_needs_nothing_else(far_away, tmp_path) -> None:
    archive, before = far_away
    code = (
        "import json, sys; from allennlp.predictors import Predictor; "
        "print(json.dumps(Predictor.from_path(sys.argv[1]).predict_json(json.loads(sys.argv[2]))))"
    )
    environment = {
        **os.environ,
        "HF_HUB_OFFLINE": "1",
        "HOME": str(tmp_path),
        "PYTHONPATH": str(ROOT),
    }
    command = [sys.executable, "-c", code, str(archive), json.dumps(RECORD)]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    after = json.loads(done.stdout)
    assert after["label"] == before["label"]
    assert after["logits"] == pytest.approx(before["logits"], abs=1e-6)


def test_the_serialization_directory_opens_as_well(archive_of) -> None:
    archive = archive_of("classification")
    assert (archive.parent / "vocabulary" / ".bert" / "tokenizer" / "tokenizer.json").exists()
    packed, unpacked = (Predictor.from_path(path) for path in (archive, archive.parent))
    assert packed.predict_json(RECORD) == unpacked.predict_json(RECORD)


def test_opening_reads_no_pretrained_weights(far_away, monkeypatch) -> None:
    from transformers import BertForSequenceClassification

    def refuse(*args, **kwargs):
        raise AssertionError("pre-trained weights were read")

    monkeypatch.setattr(BertForSequenceClassification, "from_pretrained", refuse)
    assert isinstance(load_archive(far_away[0]).model, Model)


def test_the_archive_keeps_the_tokenizer_it_was_trained_with(tmp_path) -> None:
    """One setting of the tokenizer is changed, and the original directory is another one later."""
    bert = shutil.copytree(BERT, tmp_path / "bert")
    for file in ("tokenizer.json", "tokenizer_config.json"):
        settings = (bert / file).read_text()
        changed = settings.replace('"strip_accents": null', '"strip_accents": false')
        assert changed != settings
        (bert / file).write_text(changed)
    key = "dataset_reader.token_indexers.bert.pretrained_model"
    overrides = {key: str(bert), "model.bert_model": str(bert), "trainer.num_epochs": 1}
    config = ROOT / "training_config" / "classification.jsonnet"
    allennlp("train", config, "-s", tmp_path / "out", "-o", json.dumps(overrides))
    reader = load_archive(tmp_path / "out" / "model.tar.gz").validation_dataset_reader
    shutil.copytree(BERT, bert, dirs_exist_ok=True)
    again = load_archive(tmp_path / "out" / "model.tar.gz").validation_dataset_reader
    (trained,), (opened,) = (one.tokenizer.ids(["Café"]) for one in (reader, again))
    assert trained.tolist() == opened.tolist()
    assert trained.tolist() != reader.tokenizer.ids(["Cafe"])[0].tolist()


@pytest.mark.parametrize("task", TASKS)
class TestEveryTask:
    """
    Its archive in a directory from which the BERT of its config, a relative path, is not found,
    with an empty home; conftest has switched the hub off.
    """

    @pytest.fixture
    def moved(self, archive_of, task, tmp_path, monkeypatch) -> Path:
        archive = shutil.copy(archive_of(task), tmp_path / "away.tar.gz")
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("HOME", str(tmp_path / "home"))
        return Path(archive)

    @pytest.fixture
    def once(self, monkeypatch) -> None:
        """Pre-trained weights must not be read beside the archive's."""

        def refuse(*args, **kwargs):
            raise AssertionError("pre-trained weights were read")

        monkeypatch.setattr(PreTrainedModel, "from_pretrained", refuse)

    def test_predict_and_serve(self, archive_of, task, moved, once, serve) -> None:
        records = FIXTURES / task / "predict.jsonl"
        arguments = ["--silent", "--batch-size", 4, "--output-file"]
        allennlp("predict", archive_of(task), records, *arguments, "before")
        allennlp("predict", moved, records, *arguments, "after")
        before, after = (read_json_lines(Path(name)) for name in ("before", "after"))
        assert before and after == before
        record = json.loads(records.read_text().splitlines()[0])
        url = serve(Predictor.from_path(moved))
        assert httpx.post(f"{url}/predict", json=record).json().keys() == before[0].keys()

    def test_evaluate(self, archive_of, task, moved, once) -> None:
        config = Params.from_file(str(ROOT / "training_config" / f"{task}.jsonnet"))
        allennlp("evaluate", moved, ROOT / config["validation_data_path"], "--output-file", "out")
        metrics = json.loads(Path("out").read_text())
        trained = json.loads((archive_of(task).parent / "metrics.json").read_text())
        shared = {name for name in metrics if f"best_validation_{name}" in trained}
        assert "loss" in shared
        for name in shared:
            expected = trained[f"best_validation_{name}"]
            assert metrics[name] == pytest.approx(expected, abs=1e-6), name


@TrainerCallback.register("interrupt")
class Interrupt(TrainerCallback):
    """Ends the training in the second epoch, as long as `now` is true."""

    now = False

    def on_batch(self, trainer, inputs, outputs, metrics, epoch, *args, **kwargs) -> None:
        if Interrupt.now and epoch == 1:
            raise RuntimeError("interrupted")


def test_recover_needs_nothing_but_the_directory(tmp_path, monkeypatch) -> None:
    bert = shutil.copytree(BERT, tmp_path / "bert")
    overrides = {
        "dataset_reader.token_indexers.bert.pretrained_model": str(bert),
        "model.bert_model": str(bert),
        "trainer.num_epochs": 2,
        "trainer.callbacks": [{"type": "interrupt"}],
    }
    config = ROOT / "training_config" / "classification.jsonnet"
    arguments = ["train", config, "-s", tmp_path / "out", "-o", json.dumps(overrides)]
    monkeypatch.setattr(Interrupt, "now", True)
    with pytest.raises(RuntimeError, match="interrupted"):
        allennlp(*arguments)
    monkeypatch.setattr(Interrupt, "now", False)
    shutil.rmtree(bert)
    allennlp(*arguments, "--recover")
    assert json.loads((tmp_path / "out" / "metrics.json").read_text())["epoch"] == 1
    assert load_archive(tmp_path / "out" / "model.tar.gz").model
