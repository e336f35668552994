import json

from tests.support import ROOT, allennlp


def test_the_callback_keeps_a_run_offline(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    callback = {"type": "wandb", "project": "tests", "watch_model": False}
    overrides = {"trainer.num_epochs": 1, "trainer.callbacks": [callback]}
    config = ROOT / "training_config" / "classification.jsonnet"
    allennlp("train", config, "-s", tmp_path / "out", "-o", json.dumps(overrides))
    (log,) = (tmp_path / "out" / "wandb").glob("offline-run-*/run-*.wandb")
    assert b"validation/loss" in log.read_bytes()
