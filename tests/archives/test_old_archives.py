"""Archives of AllenNLP 2 whose BERT is elsewhere, and what those of earlier versions are told."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from allennlp.common.checks import ConfigurationError
from allennlp.models import Model
from allennlp.models.archival import load_archive
from allennlp.predictors import Predictor
from huggingface_hub import constants
from transformers import BertConfig, BertModel

from tests.archives.old import (
    NAME,
    OLD,
    RECORDS,
    archive_of_0_9,
    archive_of_2,
    old_config,
    predictions_of,
    write_archive,
)
from tests.support import BERT, FIXTURES, allennlp, assert_close, read_json_lines

GIVEN = {"bert": BERT}
DEV = FIXTURES / "classification" / "dev.jsonl"

INDEXED = {"type": "pretrained_transformer", "model_name": NAME}
EMBEDDER = {"token_embedders": {"tokens": INDEXED}}
READER = {
    "type": "text_classification_json",
    "tokenizer": INDEXED,
    "token_indexers": {"tokens": INDEXED},
}
POOLER = {"type": "bert_pooler", "pretrained_model": NAME}
CLASSIFIER = {
    "type": "basic_classifier",
    "namespace": "tags",
    "text_field_embedder": EMBEDDER,
    "seq2vec_encoder": POOLER,
}
MISMATCHED = {"type": "pretrained_transformer_mismatched", "model_name": NAME}
WORDS = {**READER, "tokenizer": "whitespace", "token_indexers": {"tokens": MISMATCHED}}


def embedder(**settings: Any) -> dict[str, Any]:
    return {"token_embedders": {"tokens": {**INDEXED, **settings}}}


def refusal(archive: Path, **options: Any) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load_archive(archive, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


class TestOfAllenNLP2:
    def test_a_genuine_one(self) -> None:
        predictor = Predictor.from_path(str(OLD / "2.10.1.tar.gz"), overrides=GIVEN)
        outputs = [predictor.predict_json(record) for record in RECORDS]
        assert_close(outputs, predictions_of("2.10.1"), 1e-5)

    @pytest.mark.parametrize(
        "model, reader",
        [
            (
                {**CLASSIFIER, "seq2vec_encoder": {"type": "cls_pooler", "embedding_dim": 32}},
                READER,
            ),
            ({**CLASSIFIER, "text_field_embedder": embedder(last_layer_only=False)}, READER),
            ({**CLASSIFIER, "text_field_embedder": embedder(train_parameters=False)}, READER),
            ({**CLASSIFIER, "text_field_embedder": embedder(eval_mode=True)}, READER),
            (
                {**CLASSIFIER, "text_field_embedder": {"token_embedders": {"tokens": MISMATCHED}}},
                WORDS,
            ),
            (CLASSIFIER, {**READER, "lazy": True, "cache_directory": "/tmp/cache"}),
        ],
        ids=["cls_pooler", "all layers", "frozen", "eval_mode", "mismatched", "lazy, of 1"],
    )
    def test_others(self, tmp_path, model, reader) -> None:
        archive = archive_of_2(tmp_path, model, reader)
        predictor = Predictor.from_path(str(archive), "text_classifier", overrides=GIVEN)
        assert len(predictor.predict_json(RECORDS[0])["probs"]) == 3

    def test_commands(self, tmp_path) -> None:
        archive, given = archive_of_2(tmp_path, CLASSIFIER, READER), json.dumps(GIVEN)
        output, metrics = tmp_path / "output", tmp_path / "metrics"
        options = ["--silent", "--output-file", output, "-o", given]
        allennlp("predict", archive, OLD / "input.jsonl", *options)
        assert len(read_json_lines(output)) == len(RECORDS)
        allennlp("evaluate", archive, DEV, "--output-file", metrics, "-o", given)
        assert json.loads(metrics.read_text())["loss"] > 0
        allennlp("to-safetensors", archive, tmp_path / "safe.tar.gz")
        assert load_archive(tmp_path / "safe.tar.gz", overrides=GIVEN).model

    def test_as_the_start_of_a_training(self) -> None:
        model = Model.from_archive(str(OLD / "2.10.1.tar.gz"), bert=BERT)
        assert type(model).__name__ == "BasicClassifier"

    def test_positions_that_are_none(self, tmp_path) -> None:
        archive = archive_of_2(tmp_path, CLASSIFIER, READER)
        weights = tmp_path / "contents" / "weights.th"
        state = torch.load(weights)
        name = next(name for name in state if name.endswith("position_ids"))
        torch.save({**state, name: state[name] + 1}, weights)
        assert f"`{name}` in its weights is not [0, 1, 2" in refusal(
            weights.parent, overrides=GIVEN
        )
        assert load_archive(archive, overrides=GIVEN).model


class TestTheMissingCheckpoint:
    def test_is_named(self, tmp_path) -> None:
        sentence = refusal(archive_of_2(tmp_path, CLASSIFIER, READER))
        assert f"is '{NAME}', a checkpoint that it does not carry" in sentence
        assert """`--overrides '{"bert": "CHECKPOINT"}'`""" in sentence

    @pytest.mark.parametrize("name", ["/data/bert", "../bert", "fixtures/bert"])
    def test_a_directory_is_not_looked_at(self, tmp_path, name) -> None:
        config = json.loads(json.dumps({"model": CLASSIFIER, "dataset_reader": READER}))
        config = json.loads(json.dumps(config).replace(NAME, name))
        sentence = refusal(write_archive(tmp_path, config, {}, ["a"]))
        assert "a checkpoint that it does not carry;" in sentence

    def test_several(self, tmp_path) -> None:
        other = {**READER, "tokenizer": {**INDEXED, "model_name": "another"}}
        archive = archive_of_2(tmp_path, CLASSIFIER, other)
        sentence = refusal(archive, overrides=GIVEN)
        assert (
            "several checkpoints" in sentence
            and "`dataset_reader.tokenizer.model_name`" in sentence
        )
        mine = {**GIVEN, "dataset_reader.tokenizer.model_name": BERT}
        assert load_archive(archive, overrides=mine).model

    def test_a_name_on_the_hub(self, tmp_path, monkeypatch) -> None:
        """It is read from the local cache where the hub is offline."""
        archive = archive_of_2(tmp_path, CLASSIFIER, READER)
        cached = tmp_path / "hub" / "models--somebody--bert"
        (cached / "refs").mkdir(parents=True)
        (cached / "refs" / "main").write_text("a" * 40)
        shutil.copytree(BERT, cached / "snapshots" / ("a" * 40))
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
        assert load_archive(archive, overrides={"bert": "somebody/bert"}).model

    def test_of_another_size(self, tmp_path) -> None:
        archive = archive_of_2(tmp_path / "archive", CLASSIFIER, READER)
        other = tmp_path / "other"
        other.mkdir()
        for file in ("vocab.txt", "tokenizer.json", "tokenizer_config.json"):
            (other / file).write_bytes(Path(BERT, file).read_bytes())
        config = json.loads(Path(BERT, "config.json").read_text())
        (other / "config.json").write_text(json.dumps({**config, "max_position_embeddings": 64}))
        BertModel(BertConfig.from_pretrained(other)).save_pretrained(other)
        assert "a BERT of another size" in refusal(archive, overrides={"bert": str(other)})

    @pytest.mark.parametrize("given", ["nowhere", "/nowhere", "training_config", 5])
    def test_that_is_not_there_either(self, tmp_path, given) -> None:
        archive = archive_of_2(tmp_path, CLASSIFIER, READER)
        assert "`bert` " in refusal(archive, overrides={"bert": given})

    def test_of_an_archive_that_carries_its_own(self) -> None:
        archive = FIXTURES / "archives" / "classification.tar.gz"
        assert "names no BERT that it does not carry" in refusal(archive, overrides=GIVEN)


class TestBeforeAllenNLP2:
    def test_a_classifier(self, tmp_path) -> None:
        sentence = refusal(OLD / "0.9.0.tar.gz")
        assert "is not opened: it is an archive of AllenNLP 0.9; `allennlp convert" in sentence

    def test_as_a_checkpoint(self, tmp_path) -> None:
        with pytest.raises(ConfigurationError, match="`allennlp convert"):
            allennlp("export-hf", OLD / "0.9.0.tar.gz", tmp_path / "exported")

    def test_on_the_embedder(self, tmp_path) -> None:
        embedder = {"bert": {"type": "bert-pretrained", "pretrained_model": NAME}}
        config = old_config(model={"type": "basic_classifier", "text_field_embedder": embedder})
        sentence = refusal(write_archive(tmp_path, config, {"a": torch.zeros(1)}, ["a"]))
        assert "`basic_classifier` stands on the embedder `bert-pretrained`" in sentence

    def test_another_model(self, tmp_path) -> None:
        config = old_config(model={"type": "esim"})
        sentence = refusal(write_archive(tmp_path, config, {"a": torch.zeros(1)}, ["a"]))
        assert "of AllenNLP 0.9 with the model `esim`, and `allennlp convert` takes" in sentence

    def test_a_damaged_classifier(self, tmp_path) -> None:
        archive = archive_of_0_9(tmp_path, model__dropout=None)
        assert "`allennlp convert" in refusal(archive)
