"""Token classification with a trained archive."""

import json
import shutil

import pytest
from allennlp.models import load_archive
from allennlp.predictors import Predictor
from seqeval.metrics import accuracy_score, f1_score
from seqeval.scheme import IOB2

from tests.support import allennlp, read_json_lines, write_lines
from tests.token_classification.support import DATA, LONG, words_and_tags


@pytest.fixture
def predictor(archive_of) -> Predictor:
    return Predictor.from_path(str(archive_of("token_classification")))


class TestPredictor:
    TEXTS = ["  Anna Berg's café\u200b 😀 in Łódź.", "東京 is big\nreally", "e\u0301te\u0301 Oslo"]

    def test_offsets_point_into_the_text(self, predictor) -> None:
        outputs = predictor.predict_batch_json([{"text": text} for text in self.TEXTS])
        entities = [
            (entity, text)
            for output, text in zip(outputs, self.TEXTS)
            for entity in output["entities"]
        ]
        assert len(entities) > 3
        for entity, text in entities:
            assert text[entity["start"] : entity["end"]] == entity["text"]
            assert 0 < entity["score"] <= 1
        assert outputs[0]["tokens"][:5] == ["Anna", "Berg", "'", "s", "café"]
        assert outputs[1]["tokens"] == ["東", "京", "is", "big", "really"]

    def test_offsets_of_tokens_point_into_the_joined_words(self, predictor) -> None:
        words = ["Anna", "Berg", "São Paulo", "😀", "Oslo"]
        output = predictor.predict_json({"tokens": words, "id": 4})
        assert output["tokens"] == words
        assert output["id"] == 4
        assert len(output["tags"]) == 5
        assert output["entities"]
        for entity in output["entities"]:
            assert " ".join(words)[entity["start"] : entity["end"]] == entity["text"]

    def test_one_record_and_many_and_unlabelled_agree(self, predictor) -> None:
        records = read_json_lines(DATA / "predict.jsonl")
        many = predictor.predict_batch_json(records)
        for record, output in zip(records, many):
            alone = predictor.predict_json({**record, "tags": ["?"]})
            assert alone.pop("gold") == ["?"]
            assert alone["tags"] == output["tags"]
            assert set(output) == {"id", "tags", "tokens", "entities"}

    def test_labelled_instances_have_the_prediction(self, predictor) -> None:
        (instance,) = predictor.json_to_labeled_instances({"text": "Anna flew to Oslo."})
        expected = predictor.predict_json({"text": "Anna flew to Oslo."})["tags"]
        assert [tag for tag in instance["tags"][0].human_readable_repr() if tag] == expected
        assert "loss" in predictor._model.forward_on_instance(instance)


class TestCommands:
    def test_predict_from_a_moved_archive_goes_on_after_errors(
        self, archive_of, tmp_path, monkeypatch
    ) -> None:
        archive = shutil.copy(archive_of("token_classification"), tmp_path / "moved.tar.gz")
        lines = [
            {"id": 1, "text": "Anna flew to Oslo."},
            {"tokens": "Anna"},
            "not json",
            {"id": 4, "tokens": ["Anna", ""]},
            {"text": " "},
            '{"text": "\\ud800"}',
            {"tokens": ["a\ud800"]},
            {"other": 1},
            {"id": 9, "tokens": ["Anna", "runs"], "tags": ["B-PER", "O"]},
        ]
        path = write_lines(tmp_path / "in.jsonl", lines)
        monkeypatch.chdir(tmp_path)
        allennlp("predict", archive, path, "--output-file", tmp_path / "out.jsonl", "--silent")
        outputs = read_json_lines(tmp_path / "out.jsonl")
        assert ["error" in output for output in outputs] == [False, *[True] * 7, False]
        assert [output.get("line") for output in outputs[1:-1]] == [2, 3, 4, 5, 6, 7, 8]
        assert "`tokens`" in outputs[1]["error"]
        assert outputs[-1]["gold"] == ["B-PER", "O"]

    def test_evaluate_is_seqeval_on_the_predictions(self, archive_of, tmp_path) -> None:
        archive, dev = archive_of("token_classification"), str(DATA / "dev.conll")
        lines = [{"tokens": words, "tags": tags} for words, tags in words_and_tags(dev)]
        path = write_lines(tmp_path / "dev.jsonl", lines)
        for source, output in ((dev, "a"), (path, "b")):
            allennlp(
                *("evaluate", archive, source, "--output-file", tmp_path / f"{output}.json"),
                *("--predictions-output-file", tmp_path / f"{output}.jsonl"),
            )
        assert "entities" in read_json_lines(tmp_path / "a.jsonl")[0]
        scores = json.loads((tmp_path / "a.json").read_text())
        assert scores == pytest.approx(json.loads((tmp_path / "b.json").read_text()))
        allennlp("predict", archive, path, "--output-file", tmp_path / "p.jsonl", "--silent")
        outputs = read_json_lines(tmp_path / "p.jsonl")
        pair = [output["gold"] for output in outputs], [output["tags"] for output in outputs]
        assert scores["f1"] == pytest.approx(f1_score(*pair))
        assert scores["strict_f1"] == pytest.approx(f1_score(*pair, mode="strict", scheme=IOB2))
        assert scores["accuracy"] == pytest.approx(accuracy_score(*pair))

    @pytest.mark.parametrize("scheme", ["IOB1", "IOB2", "BIOES"])
    def test_predictions_in_columns_are_read_again(self, archive_of, tmp_path, scheme) -> None:
        path = write_lines(tmp_path / "in.jsonl", [*read_json_lines(DATA / "predict.jsonl"), "x"])
        archive, options = archive_of("token_classification"), {"aggregation": "max"}
        outputs = []
        for name, format in (("p.conll", "conll"), ("p.jsonl", "json")):
            arguments = {**options, "output_scheme": scheme, "output_format": format}
            allennlp(
                *("predict", archive, path, "--silent", "--output-file", tmp_path / name),
                *("--predictor-args", json.dumps(arguments)),
            )
            outputs.append(tmp_path / name)
        expected = read_json_lines(outputs[1])[:-1]
        assert words_and_tags(str(outputs[0]), scheme) == [
            (output["tokens"], output["tags"]) for output in expected
        ]
        assert "not valid JSON" in outputs[0].read_text(encoding="utf-8")

    def test_the_long_sentence_is_predicted_whole(self, archive_of) -> None:
        archive = load_archive(str(archive_of("token_classification")))
        predictor = Predictor.from_archive(archive)
        ((words, _),) = words_and_tags(LONG)
        assert len(predictor.predict_json({"tokens": words})["tags"]) == len(words)
        (instance,) = archive.dataset_reader.read(LONG)
        assert len(instance["tokens"]) > 1
