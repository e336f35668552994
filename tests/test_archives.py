import json
import os
import shutil
import subprocess
import sys

import pytest
from allennlp.models import Model
from allennlp.models.archival import load_archive
from allennlp.predictors import Predictor

from tests.conftest import BERT, ROOT, allennlp

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
    (trained,), (opened,) = (one.pieces.ids(["Café"]) for one in (reader, again))
    assert trained.tolist() == opened.tolist()
    assert trained.tolist() != reader.pieces.ids(["Cafe"])[0].tolist()
