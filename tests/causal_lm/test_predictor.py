"""Continuing and scoring texts, as records and on the command line."""

import json
import math
import re
import shutil
from typing import Any

import pytest
from allennlp.common.checks import ConfigurationError
from allennlp.models.archival import load_archive
from allennlp.predictors import Predictor

from bert_classification import BertForCausalLMPredictor, BertForCausalLMScoringPredictor
from tests.causal_lm.support import (
    DATA,
    TEXTS,
    TOKENIZER,
    hugging_face,
    is_tied,
    make_model,
    reader,
)
from tests.support import allennlp, read_json_lines, write_lines


class TestScoring:
    def test_equals_hugging_face(self) -> None:
        model = make_model()
        predictor = BertForCausalLMScoringPredictor(model, reader())
        outputs = predictor.predict_batch_json([{"id": 1, "text": text} for text in TEXTS])
        theirs = hugging_face(model)
        for text, output in zip(TEXTS, outputs):
            ids = TOKENIZER(text, return_tensors="pt")["input_ids"]
            loss = theirs(ids, labels=ids).loss.item()
            assert set(output) == {"id", "logprob", "perplexity"}
            assert output["logprob"] == pytest.approx(-loss * (ids.size(1) - 1), rel=1e-5)
            assert output["perplexity"] == pytest.approx(math.exp(loss), rel=1e-4)
        assert model.get_metrics()["perplexity"] == 0.0

    def test_a_text_without_room_is_an_error(self) -> None:
        predictor = BertForCausalLMScoringPredictor(make_model(), reader())
        outputs = predictor.predict_batch_json(
            [{"text": "a " * 127}, {"text": "a " * 126}, {"text": ""}, [1]]
        )
        assert ["error" in output for output in outputs] == [True, False, True, True]
        assert "128 word pieces" in outputs[0]["error"]


BAD: list[tuple[Any, str]] = [
    ({"text": ""}, "empty"),
    ({"text": 3}, "`text`: expected a string"),
    ({"max_new_tokens": 3}, "no key `text`"),
    ({"text": "a " * 127}, "128 word pieces"),
    ({"text": "a", "max_new_tokens": 127}, "`max_new_tokens`: .* 126"),
    ({"text": "a", "max_new_tokens": 0}, "`max_new_tokens`"),
    ({"text": "a", "max_new_tokens": 2.5}, "`max_new_tokens`"),
    ({"text": "a", "num_beams": 0}, "`num_beams`: .* got a number"),
    ({"text": "a", "num_beams": "4"}, "`num_beams`: .* got a string"),
    ({"text": "a", "num_beams": True}, "`num_beams`: .* got a boolean"),
    ({"text": "a", "num_beams": 10**9}, "`num_beams`"),
    ({"text": "a", "do_sample": 1}, "`do_sample`"),
    ({"text": "a", "do_sample": True, "temperature": 0}, "`temperature`"),
    ({"text": "a", "do_sample": True, "temperature": 1e-40}, "`temperature`"),
    ({"text": "a", "do_sample": True, "temperature": "hot"}, "`temperature`"),
    ({"text": "a", "do_sample": True, "temperature": math.nan}, "`temperature`"),
    ({"text": "a", "do_sample": True, "top_p": 0}, "`top_p`"),
    ({"text": "a", "do_sample": True, "top_p": 1.5}, "`top_p`"),
    ({"text": "a", "do_sample": True, "top_k": 0}, "`top_k`"),
    ({"text": "a", "do_sample": True, "seed": -1}, "`seed`"),
    ({"text": "a", "do_sample": True, "seed": 2**70}, "`seed`"),
    ({"text": "a", "temperature": 0.5}, "`do_sample: true`"),
]


@pytest.mark.parametrize("record, message", BAD, ids=lambda value: str(value)[:40])
def test_bad_records_become_errors_beside_good_ones(record, message) -> None:
    predictor = BertForCausalLMPredictor(make_model(), reader())
    good = {"text": "The soup", "max_new_tokens": 2}
    outputs = predictor.predict_batch_json([good, record, good])
    assert re.search(message, outputs[1]["error"])
    assert outputs[0] == outputs[2] and "error" not in outputs[0]


class TestCommands:
    def test_predict_from_a_moved_archive(self, archive_of, tmp_path, monkeypatch) -> None:
        archive = shutil.copy(archive_of("causal_lm"), tmp_path / "moved.tar.gz")
        monkeypatch.chdir(tmp_path)
        records = read_json_lines(DATA / "predict.jsonl")
        lines = [*records, {"id": "bad", "text": "a", "num_beams": 0}, "not json"]
        source = write_lines(tmp_path / "in.jsonl", lines)
        for size in (1, 16):
            target = tmp_path / f"out{size}.jsonl"
            allennlp("predict", archive, source, "--output-file", target, "--batch-size", size)
        ones, many = (read_json_lines(tmp_path / f"out{size}.jsonl") for size in (1, 16))
        assert [one.get("text") for one in ones] == [one.get("text") for one in many]
        assert [set(one) for one in ones[:-2]] == [
            {"id", "text", "continuation", "logprob"} for _ in records
        ]
        assert all(
            one["text"] == record.get("text", record.get("sentence")) + one["continuation"]
            for one, record in zip(ones, records)
        )
        assert ["error" in one for one in ones[-2:]] == [True, True]

    def test_scoring_predictor(self, archive_of, tmp_path) -> None:
        target = tmp_path / "out.jsonl"
        options = ["--predictor", "bert_for_causal_lm_scoring", "--output-file", target]
        allennlp("predict", archive_of("causal_lm"), DATA / "predict.jsonl", *options)
        assert all(output["perplexity"] > 1 for output in read_json_lines(target))

    def test_evaluate(self, archive_of, tmp_path) -> None:
        target = tmp_path / "metrics.json"
        allennlp("evaluate", archive_of("causal_lm"), DATA / "dev.txt", "--output-file", target)
        metrics = json.loads(target.read_text())
        assert 1 < metrics["perplexity"] < metrics["word_perplexity"]

    def test_the_decoder_stays_tied_in_an_archive(self, archive_of) -> None:
        archive = load_archive(archive_of("causal_lm"))
        assert is_tied(archive.model)
        predictor = Predictor.from_archive(archive)
        assert isinstance(predictor, BertForCausalLMPredictor)

    def test_train_with_a_bad_file_names_the_place(self, tmp_path) -> None:
        data = write_lines(tmp_path / "bad.jsonl", [{"text": "a"}, {"text": None}])
        overrides = json.dumps({"train_data_path": data})
        config = "training_config/causal_lm.jsonnet"
        with pytest.raises(ConfigurationError, match="bad.jsonl, line 2: `text`"):
            allennlp("train", config, "-s", tmp_path / "out", "-o", overrides)
