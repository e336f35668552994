"""Multiple choice with a trained archive."""

import json
import shutil
from pathlib import Path

import pytest
from allennlp.models import load_archive
from allennlp.predictors import Predictor

from tests.multiple_choice.support import DATA, RECORD
from tests.support import allennlp, read_json_lines, write_lines


class TestCommands:
    @pytest.fixture
    def archive(self, archive_of, tmp_path: Path, monkeypatch) -> Path:
        moved = tmp_path / "moved.tar.gz"
        shutil.copy(archive_of("multiple_choice"), moved)
        monkeypatch.chdir(tmp_path)
        return moved

    def test_evaluate_writes_metrics_and_predictions(self, archive: Path, tmp_path: Path) -> None:
        metrics, predictions = tmp_path / "metrics.json", tmp_path / "predictions.jsonl"
        outputs = ["--output-file", metrics, "--predictions-output-file", predictions]
        allennlp("evaluate", archive, DATA / "commonsense.jsonl", *outputs)
        assert {"accuracy", "mrr", "loss"} <= set(json.loads(metrics.read_text()))
        (batch,) = read_json_lines(predictions)
        assert list(map(len, batch["probs"])) == [3, 4] and len(batch["choice"]) == 2

    def test_predict_keeps_order_and_ids(self, archive: Path, tmp_path: Path) -> None:
        out = tmp_path / "out.jsonl"
        allennlp("predict", archive, DATA / "predict.jsonl", "--output-file", out, "--silent")
        records, outputs = read_json_lines(DATA / "predict.jsonl"), read_json_lines(out)
        assert [output["id"] for output in outputs] == [record["id"] for record in records]
        assert [output.get("gold") for output in outputs] == [r.get("label") for r in records]
        for record, output in zip(records, outputs):
            assert output["choice"] == record["choices"][output["label"]]
            assert len(output["probs"]) == len(output["logits"]) == len(record["choices"])
            assert output["probs"].index(max(output["probs"])) == output["label"]

    def test_bad_records_become_errors(self, archive: Path, tmp_path: Path) -> None:
        bad = ["{", {"prompt": "?"}, {**RECORD, "choices": ["a"]}, {**RECORD, "prompt": [1]}]
        path = write_lines(tmp_path / "in.jsonl", [RECORD, *bad, {**RECORD, "label": "spoon"}])
        out = tmp_path / "out.jsonl"
        allennlp("predict", archive, path, "--output-file", out, "--silent", "--batch-size", 3)
        outputs = read_json_lines(out)
        assert ["error" in output for output in outputs] == [False, True, True, True, True, False]
        assert "`choices`" in outputs[2]["error"] and outputs[2]["line"] == 3
        assert outputs[0]["logits"] == pytest.approx(outputs[5]["logits"], abs=1e-6)
        assert outputs[5]["gold"] == "spoon"

    def test_labelled_instances_carry_the_prediction(self, archive: Path) -> None:
        predictor = Predictor.from_archive(load_archive(archive))
        (labelled,) = predictor.json_to_labeled_instances(RECORD)
        assert labelled["label"].label == predictor.predict_json(RECORD)["label"]
