"""Filling masks, as records and on the command line."""

import json
import math

import pytest
from allennlp.models import Model
from allennlp.models.archival import load_archive
from allennlp.predictors import Predictor

from bert_classification import BertForMaskedLM, BertForMaskedLMPredictor
from bert_classification.objectives.mask_filling import fill_in
from tests.masked_lm.support import DATA
from tests.support import allennlp, read_json_lines, write_lines

BAD_RECORDS = [
    ({"text": "No mask."}, "there is no [MASK]"),
    ({"text": ""}, "`text`: the text is empty"),
    ({"text": ["[MASK]"]}, "`text`: expected a string, got a list"),
    ({}, "no key `text`"),
    ({"text": "[MASK]", "targets": ["marvellously"]}, "'marvellously' is not one word piece"),
    ({"text": "[MASK]", "targets": ["the", "日"]}, "'日' is not one word piece"),
    ({"text": "[MASK]", "targets": []}, "`targets`: expected a list"),
    ({"text": "[MASK]", "targets": "the"}, "`targets`: expected a list"),
    ({"text": "[MASK]", "targets": [3]}, "`targets`: expected a word piece, got a number"),
    ({"text": "[MASK]", "targets": [" "]}, "`targets`: expected a word piece"),
    ({"text": "[MASK]", "top_k": 0}, "`top_k`: expected a whole number from 1 to 600"),
    ({"text": "[MASK]", "top_k": 601}, "`top_k`"),
    ({"text": "[MASK]", "top_k": True}, "`top_k`"),
    ({"text": "[MASK]", "top_k": "5"}, "`top_k`"),
    ({"text": "[MASK] " + "the " * 200 + "[MASK]"}, "1 of 2 [MASK] lie beyond"),
]


class TestPredictor:
    def test_bad_records_get_an_error_and_the_others_are_predicted(self, predictor) -> None:
        good = {"text": "The soup was [MASK].", "id": 1}
        outputs = predictor.predict_batch_json([good, *(bad for bad, _ in BAD_RECORDS), good])
        assert outputs[0] == outputs[-1] and outputs[0]["id"] == 1
        for output, (_, message) in zip(outputs[1:-1], BAD_RECORDS):
            assert message in output["error"] and "fills" not in output

    def test_fills_and_text(self, predictor) -> None:
        record = {
            "text": "The [MASK] 🍵 was [MASK].",
            "top_k": 2,
            "targets": ["Was", "on", "the"],
        }
        output = predictor.predict_json(record)
        assert [len(fills) for fills in output["fills"]] == [2, 2]
        best = [fills[0]["token"] for fills in output["fills"]]
        assert output["text"] == f"The {best[0]} 🍵 was {best[1]}."
        assert set(output) == {"fills", "text"} and best[0] in ("was", "on", "the")

    def test_without_top_k_all_targets_else_five(self, predictor) -> None:
        targets = ["the", "a", "and", "his", "was", "on"]
        assert len(predictor.predict_json({"text": "[MASK]", "targets": targets})["fills"][0]) == 6
        assert len(predictor.predict_json({"sentence": "[MASK]"})["fills"][0]) == 5

    def test_alone_as_in_a_batch(self, predictor) -> None:
        records = read_json_lines(DATA / "predict.jsonl")
        together = predictor.predict_batch_json(records)
        for record, output in zip(records, together):
            alone = predictor.predict_json(record)
            assert alone["text"] == output["text"]
            for mine, its in zip(alone["fills"], output["fills"]):
                assert [fill["prob"] for fill in mine] == pytest.approx(
                    [fill["prob"] for fill in its], abs=1e-6
                )

    @pytest.mark.parametrize(
        "text, pieces, filled",
        [
            ("The [MASK] boil [MASK].", ["soup", "##s"], "The soup boils."),
            ("[MASK] late", ["##s"], "s late"),
            ("[MASK][MASK]!", ["train", "##ing"], "training!"),
        ],
    )
    def test_a_continuation_joins_what_stands_before(self, text, pieces, filled) -> None:
        assert fill_in(text, "[MASK]", pieces) == filled


class TestCommands:
    def test_predict_from_a_moved_archive(self, archive_of, tmp_path, monkeypatch) -> None:
        moved = tmp_path / "moved.tar.gz"
        moved.write_bytes(archive_of("masked_lm").read_bytes())
        records = [*read_json_lines(DATA / "predict.jsonl"), {"id": "bad", "text": "No mask."}]
        source = write_lines(tmp_path / "in.jsonl", [*records, "{not json"])
        monkeypatch.chdir(tmp_path)
        allennlp("predict", moved, source, "--output-file", "out.jsonl", "--silent")
        outputs = read_json_lines(tmp_path / "out.jsonl")
        assert [output.get("id") for output in outputs[:-1]] == [record["id"] for record in records]
        assert all("fills" in output for output in outputs[:-2])
        assert [output["line"] for output in outputs[-2:]] == [9, 10]

    def test_evaluate_gives_the_same_twice(self, archive_of, tmp_path) -> None:
        metrics = []
        for name in ("one.json", "two.json"):
            arguments = (
                archive_of("masked_lm"),
                DATA / "dev.txt",
                "--output-file",
                tmp_path / name,
            )
            allennlp("evaluate", *arguments)
            metrics.append(json.loads((tmp_path / name).read_text()))
        assert metrics[0] == metrics[1]
        assert metrics[0]["perplexity"] == pytest.approx(math.exp(metrics[0]["loss"]), rel=1e-4)

    def test_training_again_gives_the_same_weights_also_with_workers(self, tmp_path) -> None:
        weights = []
        for index, workers in enumerate([0, 2]):
            overrides = {
                "trainer.num_epochs": 2,
                "dataset_reader.block_size": 32,
                "data_loader": {
                    "batch_size": 8,
                    "num_workers": workers,
                    "shuffle": True,
                },
            }
            directory = tmp_path / str(index)
            config = "training_config/masked_lm.jsonnet"
            allennlp("train", config, "-s", directory, "-o", json.dumps(overrides))
            weights.append(load_archive(directory / "model.tar.gz").model.state_dict())
        assert all(weights[0][key].equal(weights[1][key]) for key in weights[0])
        assert isinstance(Predictor.from_path(directory), BertForMaskedLMPredictor)
        assert Model.by_name("bert_for_masked_lm") is BertForMaskedLM
