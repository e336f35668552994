"""Pre-training's predictor, as records and on the command line."""

import json
import shutil
from pathlib import Path

import pytest
from allennlp.models import load_archive

from bert_classification import BertForPreTrainingPredictor
from tests.pretraining.support import CONFIG, DATA, PAIR, make_reader
from tests.support import allennlp, read_json_lines, write_lines

BAD_RECORDS = [
    ({"text": "No mask.", "text_pair": "None."}, "`text` and `text_pair`: there is no [MASK]"),
    ({"text": "The [MASK]."}, "no key `text_pair`"),
    ({"text_pair": "The [MASK]."}, "no key `text`"),
    ({**PAIR, "text": 5}, "`text`: expected a string"),
    ({**PAIR, "top_k": 0}, "`top_k`"),
    ({**PAIR, "targets": ["marvellously"]}, "is not one word piece"),
    ({"text": "the " * 200 + "[MASK]", "text_pair": "[MASK]"}, "1 of 2 [MASK] lie beyond"),
]


class TestPredictor:
    @pytest.mark.parametrize("record, message", BAD_RECORDS)
    def test_bad_records_become_errors(self, model, record, message) -> None:
        predictor = BertForPreTrainingPredictor(model, make_reader())
        good, bad = predictor.predict_batch_json([PAIR, record])
        assert "fills" in good and message in bad["error"]

    def test_texts_are_filled_with_the_best_pieces(self, model) -> None:
        record = {**PAIR, "targets": ["the"], "id": 7}
        output = BertForPreTrainingPredictor(model, make_reader()).predict_json(record)
        assert output["id"] == 7 and len(output["fills"]) == 3
        assert output["text"] == "The the was cold."
        assert output["text_pair"] == "We ate the and the."
        assert (output["label"] == "is_next") == (output["probs"][0] > output["probs"][1])


class TestCommands:
    def test_predict_from_a_moved_archive(self, archive_of, tmp_path: Path, monkeypatch) -> None:
        moved = shutil.copy(archive_of("pretraining"), tmp_path / "moved.tar.gz")
        records = read_json_lines(DATA / "predict.jsonl")
        source = write_lines(tmp_path / "in.jsonl", [*records, {"id": "bad"}, "{not json"])
        monkeypatch.chdir(tmp_path)
        allennlp("predict", moved, source, "--output-file", "out.jsonl", "--silent")
        outputs = read_json_lines(tmp_path / "out.jsonl")
        assert [output.get("id") for output in outputs[:-1]] == [*(r["id"] for r in records), "bad"]
        assert [output.get("gold") for output in outputs[:5]] == [r.get("label") for r in records]
        assert [output.get("line") for output in outputs] == [None] * 5 + [6, 7]

    def test_evaluate_gives_the_same_twice(self, archive_of, tmp_path: Path) -> None:
        metrics = []
        for name in ("one.json", "two.json"):
            out = ("--output-file", tmp_path / name)
            allennlp("evaluate", archive_of("pretraining"), DATA / "dev.txt", *out)
            metrics.append(json.loads((tmp_path / name).read_text()))
        assert metrics[0] == metrics[1]
        assert {"loss", "perplexity", "mlm_accuracy", "nsp_accuracy"} <= metrics[0].keys()

    def test_an_interrupted_training_goes_on_as_if_it_had_not_been(self, tmp_path: Path) -> None:
        checkpointer = {"save_every_num_batches": 3, "keep_most_recent_by_count": None}
        overrides = {"data_loader.batch_size": 8, "trainer.checkpointer": checkpointer}
        arguments = ("train", CONFIG, "-o", json.dumps(overrides), "-s")
        whole = tmp_path / "whole"
        allennlp(*arguments, whole)
        expected = load_archive(whole / "model.tar.gz").model.state_dict()
        for checkpoint in ("e1_b0", "e1_b3"):
            broken = tmp_path / checkpoint
            shutil.copytree(whole, broken)
            for path in [*broken.glob("*_state_e*.th"), broken / "model.tar.gz"]:
                if path.stem.partition("_state_")[2] > checkpoint or path.suffix == ".gz":
                    path.unlink()
            assert (broken / f"model_state_{checkpoint}.th").exists()
            allennlp(*arguments, broken, "--recover")
            weights = load_archive(broken / "model.tar.gz").model.state_dict()
            assert all(weights[key].equal(expected[key]) for key in weights)
