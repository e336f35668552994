"""Checkpoints and archives of two halves: taken as they are, trained further, and not trusted."""

import json
import shutil
import tarfile
from pathlib import Path
from typing import Any

import pytest
import torch
from allennlp.common.checks import ConfigurationError
from allennlp.data import Vocabulary
from allennlp.models.archival import load_archive
from allennlp.predictors import Predictor
from transformers import BertConfig, BertModel, EncoderDecoderConfig, EncoderDecoderModel

from bert_classification import BertForSequenceToSequence
from bert_classification.bert.pretrained import load_pretrained
from tests.sequence_to_sequence.support import DATA, TOKENIZER, make_model
from tests.support import BERT, allennlp, assert_close, read_json_lines

TASK = "sequence_to_sequence"


@pytest.fixture(scope="module")
def exported(archive_of, tmp_path_factory) -> Path:
    directory = tmp_path_factory.mktemp("exported") / "checkpoint"
    allennlp("export-hf", archive_of(TASK), directory)
    return directory


def predictions(model: Any) -> list[Any]:
    return Predictor.from_path(str(model)).predict_batch_json(
        read_json_lines(DATA / "predict.jsonl")
    )


class TestCheckpoint:
    def test_is_a_model_as_it_is(self, exported, archive_of, tmp_path, monkeypatch) -> None:
        # Nothing is written in validation, so the scorers need not be there.
        scorers = "bert_classification.sequence_to_sequence.scores.find_spec"
        monkeypatch.setattr(scorers, lambda name: None)
        before = (exported / "model.safetensors").read_bytes()
        allennlp("from-hf", exported, tmp_path / "back.tar.gz")
        assert (exported / "model.safetensors").read_bytes() == before
        assert_close(predictions(tmp_path / "back.tar.gz"), predictions(archive_of(TASK)), 1e-3)

    @pytest.mark.parametrize("kind", ["checkpoint", "archive"])
    def test_gives_each_half_its_weights(self, kind, exported, archive_of) -> None:
        name = str(exported if kind == "checkpoint" else archive_of(TASK))
        expected = load_archive(archive_of(TASK)).model.state_dict()
        model = BertForSequenceToSequence(Vocabulary(), name, validation_generation=False)
        given = model.state_dict()
        assert given.keys() == expected.keys()
        assert all(torch.equal(given[key], expected[key]) for key in expected)

    def test_another_task_begins_with_its_encoder(self, exported, archive_of) -> None:
        bert = load_pretrained(BertModel, str(exported)).model
        theirs = load_archive(archive_of(TASK)).model.bert.state_dict()
        assert all(torch.equal(each, theirs[key]) for key, each in bert.state_dict().items())

    def test_of_halves_that_are_not_two_berts_of_one_width(self, tmp_path) -> None:
        wide = {"hidden_size": 48, "num_attention_heads": 4}
        halves = (BertConfig.from_pretrained(BERT), BertConfig.from_pretrained(BERT, **wide))
        config = EncoderDecoderConfig.from_encoder_decoder_configs(*halves)
        EncoderDecoderModel(config).save_pretrained(tmp_path)
        TOKENIZER.save_pretrained(tmp_path)
        for run in (
            lambda: allennlp("from-hf", tmp_path, tmp_path / "back.tar.gz"),
            lambda: make_model(bert_model=str(tmp_path)),
        ):
            with pytest.raises(ConfigurationError, match=r"\[32, 48\] numbers wide"):
                run()


def changed(archive: Path, directory: Path, member: str, **settings: Any) -> Path:
    """Copies an archive with other settings in one of its files, or, with none, without it."""
    unpacked, copy = directory / "unpacked", directory / "changed.tar.gz"
    with tarfile.open(archive) as tar:
        tar.extractall(unpacked, filter="data")
    file = unpacked / member
    if settings:
        values = json.loads(file.read_text())
        values.get("model", values).update(settings)
        file.write_text(json.dumps(values))
    else:
        shutil.rmtree(file)
    with tarfile.open(copy, "w:gz") as tar:
        for each in unpacked.iterdir():
            tar.add(each, each.name)
    return copy


class TestHostileArchive:
    def test_a_decoder_larger_than_its_weights(self, archive_of, tmp_path) -> None:
        member = "vocabulary/.bert/decoder/config.json"
        archive = changed(archive_of(TASK), tmp_path, member, num_hidden_layers=10**6)
        with pytest.raises(ConfigurationError, match="weights; it has"):
            load_archive(archive)

    def test_a_decoder_that_lies_elsewhere(self, archive_of, tmp_path) -> None:
        elsewhere = changed(
            archive_of(TASK), tmp_path, "config.json", decoder_bert_model="/etc/elsewhere"
        )
        # What the archive carries is taken in its place.
        assert load_archive(elsewhere).model.decoder.config.add_cross_attention
        without = changed(elsewhere, tmp_path / "2", "vocabulary/.bert/decoder")
        with pytest.raises(ConfigurationError, match="`model.decoder_bert_model` is '/etc/else"):
            load_archive(without)
