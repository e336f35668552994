"""Texts to what they become: as records, on the command line, streamed, exported."""

import json
import math
import re
import shutil
from typing import Any

import httpx
import numpy
import pytest
import torch
from allennlp.common.checks import ConfigurationError
from allennlp.models.archival import load_archive
from allennlp.predictors import Predictor
from transformers import AutoTokenizer, EncoderDecoderModel

from tests.sequence_to_sequence.support import (
    DATA,
    SOURCES,
    TARGETS,
    TOKENIZER,
    hugging_face,
    make_predictor,
    their_batch,
)
from tests.support import BERT, allennlp, assert_close, read_json_lines, run_allennlp, write_lines

TASK = "sequence_to_sequence"


class TestScoring:
    @pytest.mark.filterwarnings("ignore:Version v4.12.0")
    def test_a_given_target_is_scored_as_hugging_face_does(self) -> None:
        predictor = make_predictor()
        records = [{"source": s, "target": t, "score": True} for s, t in zip(SOURCES, TARGETS)]
        outputs = predictor.predict_batch_json(records)
        theirs = hugging_face(predictor._model, "eager")
        given, labels = their_batch()
        logits = theirs(**given, labels=labels).logits
        for output, target, row, label in zip(outputs, TARGETS, logits, labels):
            losses = torch.nn.functional.cross_entropy(row, label, reduction="none")
            count = (label != -100).sum().item()
            assert output["text"] == output["gold"] == target
            assert output["logprob"] == pytest.approx(-losses.sum().item(), rel=1e-5)
            mean = losses.sum().item() / count
            assert output["perplexity"] == pytest.approx(math.exp(mean), rel=1e-4)

    def test_what_was_written_scores_as_it_was(self) -> None:
        predictor = make_predictor()
        record = {"source": SOURCES[0], "max_new_tokens": 6}
        instance = predictor._json_to_instance(record)
        output = predictor._model.forward_on_instance(instance)
        ids = numpy.array(output["target_ids"])
        metadata = instance["request"].metadata
        instance["request"].metadata = metadata._replace(target=ids)
        assert_close(
            predictor._model.forward_on_instance(instance)["logprob"].item(),
            output["logprob"].item(),
        )

    def test_records_of_all_kinds_stand_in_one_batch(self) -> None:
        predictor = make_predictor()
        records = [
            {"source": SOURCES[0], "max_new_tokens": 5},
            {"source": SOURCES[1], "target": TARGETS[1], "score": True},
            {"source": SOURCES[2], "num_beams": 3, "cross_attention": True, "max_new_tokens": 4},
            {"source": SOURCES[2], "do_sample": True, "seed": 3, "max_new_tokens": 4},
        ]
        together = predictor.predict_batch_json(records)
        for record, output in zip(records, together):
            assert_close(output, predictor.predict_json(record), 1e-3)
        assert ["perplexity" in output for output in together] == [False, True, False, False]


class TestCrossAttention:
    def test_is_the_mean_of_heads_and_layers(self) -> None:
        predictor = make_predictor(output_attentions=True)
        record = {"source": SOURCES[1], "cross_attention": True, "max_new_tokens": 5}
        output = predictor.predict_json(record)
        shown = output["cross_attention"]
        assert shown["source"] == TOKENIZER.convert_ids_to_tokens(
            TOKENIZER(SOURCES[1])["input_ids"]
        )
        # (layers, heads, target, source)
        means = numpy.array(output["cross_attentions"]).mean((0, 1))
        assert numpy.array(shown["weights"]) == pytest.approx(means, abs=1e-6)
        assert means.shape == (len(shown["target"]), len(shown["source"]))
        assert numpy.array(shown["weights"]).sum(-1) == pytest.approx(1, abs=1e-5)

    def test_is_there_where_it_is_asked_for(self) -> None:
        predictor = make_predictor()
        records = [{"source": text, "cross_attention": i == 1} for i, text in enumerate(SOURCES)]
        outputs = predictor.predict_batch_json(records)
        assert ["cross_attention" in output for output in outputs] == [False, True, False]
        assert "cross_attentions" not in outputs[1]
        rows = outputs[1]["cross_attention"]["weights"]
        assert {len(row) for row in rows} == {len(outputs[1]["cross_attention"]["source"])}


BAD: list[tuple[Any, str]] = [
    ({"source": ""}, "`source`: the text is empty"),
    ({"source": 3}, "`source`: expected a string"),
    ({"target": "a"}, "no key `source`"),
    ({"source": "a", "score": True}, "no key `target`"),
    ({"source": "a", "target": 3, "score": True}, "`target`: expected a string"),
    ({"source": "a", "score": "yes"}, "`score`: expected true or false, got a string"),
    ({"source": "a", "cross_attention": 1}, "`cross_attention`: expected true or false"),
    ({"source": "a", "max_new_tokens": 128}, "`max_new_tokens`: .* from 1 to 127"),
    ({"source": "a", "max_new_tokens": 0}, "`max_new_tokens`"),
    ({"source": "a", "num_beams": 0}, "`num_beams`"),
    ({"source": "a", "length_penalty": 2.0}, "`length_penalty` works with `num_beams`"),
    ({"source": "a", "num_beams": 2, "length_penalty": "long"}, "`length_penalty`: expected a num"),
    ({"source": "a", "num_beams": 2, "length_penalty": 11}, "`length_penalty`: .* from -10 to 10"),
    ({"source": "a", "temperature": 0.5}, "`do_sample: true`"),
    ({"source": "a", "do_sample": True, "seed": -1}, "`seed`"),
    ([1], "expected a JSON object"),
]


@pytest.mark.parametrize("record, message", BAD, ids=lambda value: str(value)[:40])
def test_bad_records_become_errors_beside_good_ones(record, message) -> None:
    predictor = make_predictor()
    good = {"source": SOURCES[0], "max_new_tokens": 2}
    outputs = predictor.predict_batch_json([good, record, good])
    assert re.search(message, outputs[1]["error"])
    assert outputs[0] == outputs[2] and "error" not in outputs[0]


class TestStream:
    @pytest.mark.parametrize(
        "settings",
        [
            {},
            {"do_sample": True, "temperature": 0.8, "seed": 4},
            {"num_beams": 3},
            {"cross_attention": True},
            {"score": True, "target": TARGETS[0]},
        ],
        ids=str,
    )
    def test_ends_with_what_predict_gives(self, settings) -> None:
        predictor = make_predictor()
        record = {"id": 3, "source": SOURCES[0], "max_new_tokens": 9, **settings}
        *parts, whole = predictor.stream_json(record)
        assert_close(whole, predictor.predict_json(record), 1e-3)
        texts = [part["text"] for part in parts]
        assert all(whole["text"].startswith(text) for text in texts)
        assert ("score" in settings) == (not texts)

    def test_by_the_server(self, archive_of, serve) -> None:
        url = serve(Predictor.from_path(archive_of(TASK)))
        record = {"id": 3, "source": SOURCES[0], "max_new_tokens": 9}
        lines = httpx.post(f"{url}/stream", json=record).text.splitlines()
        expected = httpx.post(f"{url}/predict", json=record).json()
        assert_close(json.loads(lines[-1]), expected)
        assert len(lines) > 2
        refused = httpx.post(f"{url}/stream", json={"source": ""})
        assert refused.status_code == 422 and "`source`" in refused.text


class TestCommands:
    def test_predict_from_a_moved_archive(self, archive_of, tmp_path, monkeypatch) -> None:
        archive = shutil.copy(archive_of(TASK), tmp_path / "moved.tar.gz")
        monkeypatch.chdir(tmp_path)
        records = read_json_lines(DATA / "predict.jsonl")
        lines = [*records, {"id": "bad", "source": "a", "num_beams": 0}, "not json"]
        source = write_lines(tmp_path / "in.jsonl", lines)
        for size in (1, 16):
            target = tmp_path / f"out{size}.jsonl"
            allennlp("predict", archive, source, "--output-file", target, "--batch-size", size)
        ones, many = (read_json_lines(tmp_path / f"out{size}.jsonl") for size in (1, 16))
        assert [one.get("text") for one in ones] == [one.get("text") for one in many]
        assert [one["id"] for one in ones[:-1]] == [each["id"] for each in lines[:-1]]
        assert ["error" in one for one in ones] == [False] * len(records) + [True, True]

    def test_evaluate(self, archive_of, tmp_path) -> None:
        target = tmp_path / "metrics.json"
        allennlp("evaluate", archive_of(TASK), DATA / "dev.jsonl", "--output-file", target)
        metrics = json.loads(target.read_text())
        assert {"loss", "perplexity", "bleu", "chrf", "rouge_l", "exact_match"} <= set(metrics)

    def test_a_tied_archive_with_another_decoder_opens_elsewhere(
        self, tmp_path, monkeypatch
    ) -> None:
        given = shutil.copytree(BERT, tmp_path / "decoder")
        overrides = {
            "model.tie": True,
            "model.decoder_bert_model": str(given),
            "trainer.num_epochs": 1,
        }
        config = f"training_config/{TASK}.jsonnet"
        allennlp("train", config, "-s", tmp_path / "out", "-o", json.dumps(overrides))
        shutil.rmtree(given)
        archive = shutil.move(tmp_path / "out" / "model.tar.gz", tmp_path / "moved.tar.gz")
        shutil.rmtree(tmp_path / "out")
        monkeypatch.chdir(tmp_path)
        model = load_archive(archive).model
        decoder = model.decoder.bert.embeddings.word_embeddings
        assert decoder.weight is model.bert.embeddings.word_embeddings.weight

    @pytest.mark.parametrize("tie", [False, True])
    def test_export_equals_the_archive(self, tie, tmp_path) -> None:
        overrides = json.dumps({"model.tie": tie, "trainer.num_epochs": 1})
        config = f"training_config/{TASK}.jsonnet"
        allennlp("train", config, "-s", tmp_path / "out", "-o", overrides)
        archive, exported = tmp_path / "out" / "model.tar.gz", tmp_path / "exported"
        allennlp("export-hf", archive, exported)
        theirs, info = EncoderDecoderModel.from_pretrained(exported, output_loading_info=True)
        assert not any(info.values())
        tokenizer = AutoTokenizer.from_pretrained(exported)
        predictor = Predictor.from_path(archive)
        # What a padded batch needs nobody has to say: the directory says it.
        inputs = tokenizer(SOURCES, padding=True, return_tensors="pt", return_token_type_ids=False)
        written = theirs.generate(**inputs, max_new_tokens=8)
        for source, ids in zip(SOURCES, written):
            ours = predictor.predict_json({"source": source, "max_new_tokens": 8})
            assert ours["text"] == tokenizer.decode(ids, skip_special_tokens=True)
        given, labels = their_batch()
        with pytest.warns(FutureWarning, match="v4.12.0"):
            logits = theirs(**given, labels=labels).logits
        losses = torch.nn.functional.cross_entropy(logits.mT, labels, reduction="none").sum(-1)
        records = [{"source": s, "target": t, "score": True} for s, t in zip(SOURCES, TARGETS)]
        scored = predictor.predict_batch_json(records)
        assert [each["logprob"] for each in scored] == pytest.approx((-losses).tolist(), abs=1e-4)

    def test_onnx_is_refused(self, archive_of, tmp_path) -> None:
        with pytest.raises(ConfigurationError, match="--onnx writes models of one step"):
            allennlp("export-hf", archive_of(TASK), tmp_path / "exported", "--onnx")
        assert not (tmp_path / "exported").exists()

    def test_a_config_is_proposed_for_other_columns(self, tmp_path) -> None:
        rows = [(each["source"], each["target"]) for each in read_json_lines(DATA / "train.jsonl")]
        data = tmp_path / "train.tsv"
        lines = "".join(f"{source}\t{target}\n" for source, target in [("source", "target"), *rows])
        data.write_text(lines, encoding="utf-8")
        options = ("--bert", BERT, "--train", data, "--dev", data)
        proposed = run_allennlp("init-config", TASK, *options)
        assert proposed.returncode == 0, proposed.stderr
        config = tmp_path / "my.jsonnet"
        config.write_text(proposed.stdout, encoding="utf-8")
        overrides = json.dumps({"trainer.num_epochs": 1, "model.max_validation_pieces": 5})
        allennlp("train", config, "-s", tmp_path / "out", "-o", overrides)
        assert (tmp_path / "out" / "model.tar.gz").is_file()
