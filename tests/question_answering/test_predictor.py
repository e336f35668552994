"""Question answering with a trained archive."""

import json
import re
import shutil
from pathlib import Path

import numpy
import pytest
from allennlp.models.archival import load_archive
from allennlp.predictors import Predictor

from tests.question_answering.support import CONTEXT, DATA, plain_scores
from tests.support import allennlp, read_json_lines, write_lines


class TestCommands:
    @pytest.fixture
    def archive(self, archive_of, tmp_path) -> Path:
        return Path(shutil.copy(archive_of("question_answering"), tmp_path / "moved.tar.gz"))

    def predict(self, archive: Path, path: str, *options: str) -> list[dict]:
        output = archive.parent / "predictions.jsonl"
        allennlp("predict", archive, path, "--output-file", output, "--silent", *options)
        return read_json_lines(output)

    def test_evaluate_in_another_directory(self, archive, tmp_path, monkeypatch) -> None:
        monkeypatch.chdir(tmp_path)
        allennlp("evaluate", archive, DATA / "dev.json", "--output-file", "metrics.json")
        metrics = json.loads(Path("metrics.json").read_text())
        assert {"em", "f1", "has_answer_f1", "no_answer_f1", "best_f1", "best_threshold"} <= set(
            metrics
        )

    def test_predict_in_another_directory(self, archive, tmp_path, monkeypatch) -> None:
        monkeypatch.chdir(tmp_path)
        path = str(DATA / "predict.jsonl")
        outputs = self.predict(archive, path)
        for record, output in zip(read_json_lines(Path(path)), outputs, strict=True):
            assert output["id"] == record["id"]
            assert record["context"][output["start"] : output["end"]] == output["answer"]

    def test_predictor_arguments_replace_the_models(self, archive) -> None:
        path = str(DATA / "predict.jsonl")
        for threshold, is_null in ((1000, False), (-1000, True)):
            arguments = json.dumps({"null_score_diff_threshold": threshold, "n_best": 3})
            outputs = self.predict(archive, path, "--predictor-args", arguments)
            assert all((output["answer"] == "") == is_null for output in outputs)
            assert all(len(output["n_best"]) == 4 for output in outputs)

    def test_predict_a_squad_file(self, archive) -> None:
        outputs = self.predict(archive, str(DATA / "dev.json"), "--use-dataset-reader")
        ids = re.findall(r'"id": "(.*?)"', (DATA / "dev.json").read_text(encoding="utf-8"))
        assert [output["id"] for output in outputs] == ids

    def test_a_record_without_an_id_has_none_beside_others(self, archive) -> None:
        record = {"question": "Who?", "context": CONTEXT}
        predictor = Predictor.from_path(archive)
        with_id, without = predictor.predict_batch_json([{**record, "id": 7}, record])
        assert with_id.pop("id") == 7 and without.keys() == with_id.keys()

    def test_metrics_are_those_of_the_predictions(self, archive) -> None:
        loaded = load_archive(archive)
        predictor = Predictor.from_archive(loaded)
        records = [record.values for record in predictor._dataset_reader.records(DATA / "dev.json")]
        outputs = predictor.predict_batch_json(records)
        answers = [[answer["text"] for answer in record["answers"]] for record in records]
        scores = [plain_scores(out["answer"], gold) for out, gold in zip(outputs, answers)]
        loaded.model.forward_on_instances(list(predictor._dataset_reader.read(DATA / "dev.json")))
        metrics = loaded.model.get_metrics(reset=True)
        em, f1 = 100 * numpy.mean(scores, axis=0)
        assert (metrics["em"], metrics["f1"]) == (pytest.approx(em), pytest.approx(f1))

    def test_a_bad_record_is_an_error_among_predictions(self, archive, tmp_path) -> None:
        good = {"question": "Who?", "context": CONTEXT, "id": 7, "answers": "no list"}
        bad = [
            {"context": CONTEXT},
            {"question": 3, "context": CONTEXT},
            {"question": "Who?", "context": " "},
            {"question": "Who?", "context": "\u200b\ufffd"},
            "{not json",
        ]
        lines = [good, *bad, good]
        first, *errors, last = self.predict(archive, write_lines(tmp_path / "in.jsonl", lines))
        assert first == last and first["answer"] in CONTEXT and first["id"] == 7
        for index, (error, key) in enumerate(
            zip(errors, ["`question`", "`question`", "`context`", "`context`", "JSON"], strict=True)
        ):
            assert key in error["error"] and error["line"] == index + 2
