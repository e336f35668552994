"""Next sentence prediction with a trained archive."""

import json
import shutil
from pathlib import Path

import pytest
from allennlp.models import load_archive
from allennlp.predictors import Predictor

from tests.next_sentence_prediction.support import DATA, PAIR
from tests.support import allennlp, read_json_lines, write_lines


class TestCommands:
    @pytest.fixture
    def archive(self, archive_of, tmp_path: Path, monkeypatch) -> Path:
        moved = tmp_path / "moved.tar.gz"
        shutil.copy(archive_of("next_sentence_prediction"), moved)
        monkeypatch.chdir(tmp_path)
        return moved

    def test_evaluate(self, archive: Path, tmp_path: Path) -> None:
        allennlp("evaluate", archive, DATA / "dev.txt", "--output-file", tmp_path / "metrics.json")
        metrics = json.loads((tmp_path / "metrics.json").read_text())
        assert {"accuracy", "f1", "auc", "loss"} <= set(metrics)

    def test_predict_keeps_order_and_ids(self, archive: Path, tmp_path: Path) -> None:
        out = tmp_path / "out.jsonl"
        allennlp("predict", archive, DATA / "predict.jsonl", "--output-file", out, "--silent")
        records, outputs = read_json_lines(DATA / "predict.jsonl"), read_json_lines(out)
        assert [output["id"] for output in outputs] == [record["id"] for record in records]
        assert [output.get("gold") for output in outputs] == [r.get("label") for r in records]
        for output in outputs:
            assert output["is_next_probability"] == output["probs"][0]
            assert (output["label"] == "is_next") == (output["probs"][0] > output["probs"][1])
            assert len(output["logits"]) == 2

    def test_bad_records_become_errors(self, archive: Path, tmp_path: Path) -> None:
        bad = ["{", {"text": "One."}, {**PAIR, "text": ["One."]}, {**PAIR, "text": ""}]
        lines = [PAIR, *bad, PAIR]
        path, out = write_lines(tmp_path / "in.jsonl", lines), tmp_path / "out.jsonl"
        allennlp("predict", archive, path, "--output-file", out, "--silent", "--batch-size", 4)
        outputs = read_json_lines(out)
        assert ["error" in output for output in outputs] == [False, True, True, True, True, False]
        assert "`text_pair`" in outputs[2]["error"] and outputs[2]["line"] == 3
        assert outputs[0]["logits"] == pytest.approx(outputs[5]["logits"], abs=1e-6)

    def test_labelled_instances_carry_the_prediction(self, archive: Path) -> None:
        predictor = Predictor.from_archive(load_archive(archive))
        (labelled,) = predictor.json_to_labeled_instances(PAIR)
        label = ("is_next", "not_next")[labelled["label"].label]
        assert label == predictor.predict_json(PAIR)["label"]
