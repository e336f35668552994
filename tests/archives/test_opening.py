"""Broken archives, the doors through which they come, and trust in them."""

import gzip
import json
from pathlib import Path

import pytest
import torch
from allennlp.common.checks import ConfigurationError
from allennlp.models import Model
from allennlp.models.archival import load_archive
from allennlp.predictors import Predictor

from bert_classification.archives import opening
from bert_classification.archives.extraction import extract
from tests.archives.support import WEIGHTS, change_config, pack, refusal
from tests.support import FIXTURES, ROOT, allennlp, read_json_lines

RECORDS = FIXTURES / "classification" / "predict.jsonl"
DEV = FIXTURES / "classification" / "dev.jsonl"


class TestBrokenFiles:
    @pytest.mark.parametrize("share", [0.1, 0.6, 0.999])
    def test_truncated(self, archive_of, tmp_path, share) -> None:
        whole = archive_of("classification").read_bytes()
        archive = tmp_path / "short.tar.gz"
        archive.write_bytes(whole[: int(len(whole) * share)])
        assert "it ends too early" in refusal(archive)

    def test_flipped_bits(self, archive_of, tmp_path) -> None:
        contents = bytearray(archive_of("classification").read_bytes())
        contents[-1000] ^= 0xFF
        archive = tmp_path / "flipped.tar.gz"
        archive.write_bytes(contents)
        assert "is damaged" in refusal(archive)

    @pytest.mark.parametrize(
        "contents",
        [b"", b"plain text", gzip.compress(b"", mtime=0), gzip.compress(b"no tar" * 1000, mtime=0)],
        ids=["empty", "text", "gzip of nothing", "gzip of text"],
    )
    def test_something_else(self, tmp_path, contents) -> None:
        archive = tmp_path / "else.tar.gz"
        archive.write_bytes(contents)
        assert "damaged" in refusal(archive)

    @pytest.mark.parametrize(
        "name", ["config.json", WEIGHTS, "vocabulary/non_padded_namespaces.txt"]
    )
    def test_a_missing_member(self, unpacked, name) -> None:
        (unpacked / name).unlink()
        assert name in refusal(pack(unpacked))

    @pytest.mark.parametrize("key", ["model", "dataset_reader"])
    @pytest.mark.parametrize("value", [None, {"type": 1}, [{"type": "text"}]])
    def test_a_missing_section(self, unpacked, key, value) -> None:
        archive = change_config(unpacked, **{key: value})
        assert f"`{key}` with its `type` is missing" in refusal(archive)

    @pytest.mark.parametrize("meta", ["{", "[]", '{"version": "x"}', '{"other": 1}'])
    def test_meta(self, unpacked, meta) -> None:
        (unpacked / "meta.json").write_text(meta)
        assert "meta.json is not what AllenNLP writes" in refusal(pack(unpacked))

    def test_a_vocabulary_of_bytes(self, unpacked) -> None:
        (unpacked / "vocabulary" / "labels.txt").write_bytes(b"\xff\xfe")
        assert "vocabulary cannot be read" in refusal(pack(unpacked))


class TestDoors:
    """Everything that opens archives opens them in this way."""

    @pytest.fixture
    def hostile(self, unpacked, marker) -> Path:
        call = {"type": "subprocess.getoutput", "cmd": f"touch {marker}"}
        return change_config(unpacked, validation_dataset_reader=call)

    @pytest.mark.parametrize(
        "command",
        [
            ["predict", "ARCHIVE", RECORDS, "--silent", "--output-file", "/dev/null"],
            ["evaluate", "ARCHIVE", DEV],
            ["serve", "--archive-path", "ARCHIVE"],
        ],
    )
    def test_commands(self, hostile, command) -> None:
        with pytest.raises(ConfigurationError, match="is not opened"):
            allennlp(*(hostile if word == "ARCHIVE" else word for word in command))

    def test_python(self, hostile) -> None:
        for door in (Predictor.from_path, Model.from_archive):
            with pytest.raises(ConfigurationError, match="is not opened"):
                door(str(hostile))

    def test_commands_open_what_is_harmless(self, archive_of, tmp_path) -> None:
        archive = archive_of("classification")
        allennlp("predict", archive, RECORDS, "--silent", "--output-file", tmp_path / "out")
        assert all("label" in line or "error" in line for line in read_json_lines(tmp_path / "out"))
        allennlp("evaluate", archive, DEV, "--output-file", tmp_path / "metrics")
        assert "accuracy" in json.loads((tmp_path / "metrics").read_text())


class TestTrust:
    """The switch brings AllenNLP's own behaviour back."""

    @pytest.fixture
    def own(self, unpacked, tmp_path) -> Path:
        call = {"type": "subprocess.getoutput", "cmd": f"touch {tmp_path / 'called'}"}
        return change_config(unpacked, validation_dataset_reader=call)

    def test_by_the_environment(self, own, tmp_path, monkeypatch) -> None:
        monkeypatch.setenv("BERT_CLASSIFICATION_TRUST_ARCHIVES", "1")
        assert load_archive(own).validation_dataset_reader == ""
        assert (tmp_path / "called").exists()

    def test_by_python(self, own, tmp_path) -> None:
        with opening.trusted_archives():
            load_archive(own)
        assert (tmp_path / "called").exists()
        refusal(own)


class TestKeptSettings:
    @pytest.fixture(scope="class")
    @classmethod
    def tuned(cls, tmp_path_factory) -> Path:
        directory = tmp_path_factory.mktemp("tuned") / "out"
        overrides = {
            "dataset_reader.problem_type": "multi_label_classification",
            "model.problem_type": "multi_label_classification",
            "model.tune_threshold": "per_label",
            "trainer.validation_metric": "-loss",
            "trainer.num_epochs": 1,
            "dataset_reader.label_delimiter": " ",
        }
        config = ROOT / "training_config" / "classification.jsonnet"
        allennlp("train", config, "-s", directory, "-o", json.dumps(overrides))
        return directory / "model.tar.gz"

    def test_a_caller_wins_over_what_the_weights_have_kept(self, tuned) -> None:
        whole = load_archive(tuned).config.as_dict(quiet=True)["model"]
        for overrides in ({"model.threshold": 1.0}, {"model": {**whole, "threshold": 1.0}}):
            model = load_archive(tuned, overrides=json.dumps(overrides)).model
            assert model.objective.thresholds.tolist() == [1.0] * 3

    def test_others_stay(self, tuned) -> None:
        kept = load_archive(tuned).model.objective.thresholds.tolist()
        assert kept != [0.5] * 3
        assert (
            load_archive(
                tuned, overrides={"model.dropout": 0.1}
            ).model.objective.thresholds.tolist()
            == kept
        )

    def test_weights_of_the_loss_come_and_go(self, tuned, tmp_path) -> None:
        weighted = load_archive(tuned, overrides={"model.pos_weight": 3.0})
        assert weighted.model.objective.pos_weight.tolist() == [3.0] * 3
        # As an archive that was trained with it.
        extract(tuned, tmp_path)
        (tmp_path / WEIGHTS).unlink()
        torch.save(weighted.model.state_dict(), tmp_path / "weights.th")
        config = json.loads((tmp_path / "config.json").read_text())
        config["model"]["pos_weight"] = 3.0
        (tmp_path / "config.json").write_text(json.dumps(config))
        assert load_archive(tmp_path).model.objective.pos_weight.tolist() == [3.0] * 3
        without = load_archive(tmp_path, overrides={"model.pos_weight": None}).model
        assert without.objective.pos_weight is None

    def test_predict_says_so(self, tuned, tmp_path) -> None:
        output = tmp_path / "out.jsonl"
        overrides = json.dumps({"model.threshold": 1.0})
        allennlp("predict", tuned, RECORDS, "--output-file", output, "--silent", "-o", overrides)
        assert all(each["labels"] == [] for each in read_json_lines(output))
