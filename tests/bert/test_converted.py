"""A checkpoint in the place of an archive: converted once, and again when it changes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from allennlp.common.checks import ConfigurationError
from allennlp.models import Model
from allennlp.models.archival import load_archive
from allennlp.predictors import Predictor
from huggingface_hub import constants

from bert_classification.archives.extraction import extract
from bert_classification.archives.opening import trusted_archives
from bert_classification.bert.converted import find_archive
from tests.bert.published import LABELS, publish, put_on_hub, rewrite
from tests.support import FIXTURES, ROOT, run_allennlp, write_lines

ARCHIVE = FIXTURES / "archives" / "classification.tar.gz"
RECORD = {"text": "The soup was cold."}


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("ALLENNLP_CACHE_ROOT", str(tmp_path / "cache"))
    return tmp_path / "cache" / "checkpoints"


@pytest.fixture
def checkpoint(tmp_path) -> Path:
    publish(tmp_path / "checkpoint", "BertForSequenceClassification")
    return tmp_path / "checkpoint"


@pytest.fixture
def hub(tmp_path, monkeypatch) -> Path:
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "home" / "hub"))
    return tmp_path / "home"


def conversions(cache: Path) -> list[Path]:
    return sorted(cache.glob("*/*"))


class TestADirectory:
    def test_every_door_takes_it(self, cache, checkpoint) -> None:
        for name in (checkpoint, str(checkpoint)):
            predictor = Predictor.from_path(name)
            assert predictor.predict_json(RECORD)["label"] in LABELS
        assert load_archive(checkpoint).config["model"]["bert_model"] == "of this archive"
        assert type(Model.from_archive(str(checkpoint))).__name__ == "BertForClassification"
        with trusted_archives():
            assert load_archive(checkpoint).model is not None
        assert len(conversions(cache)) == 1

    def test_it_is_converted_once(self, cache, checkpoint, caplog) -> None:
        with caplog.at_level("INFO"):
            load_archive(checkpoint)
        (converted,) = conversions(cache)
        said = (
            f"{checkpoint} is taken for bert_for_classification; its conversion is in {converted}"
        )
        assert [record.message for record in caplog.records].count(said) == 1
        weights = converted / "weights.th"
        before = weights.stat().st_mtime_ns
        load_archive(checkpoint)
        assert conversions(cache) == [converted] and weights.stat().st_mtime_ns == before

    def test_it_is_converted_again_when_it_changes(self, cache, checkpoint) -> None:
        load_archive(checkpoint)
        (before,) = conversions(cache)
        names = {str(index): name for index, name in enumerate("abc")}
        rewrite(checkpoint / "config.json", id2label=names, label2id=...)
        assert Predictor.from_path(checkpoint).predict_json(RECORD)["label"] in names.values()
        (after,) = conversions(cache)
        assert after != before and after.parent == before.parent

    def test_a_name_by_another_way_is_the_same(self, cache, checkpoint, monkeypatch) -> None:
        monkeypatch.chdir(checkpoint)
        monkeypatch.setenv("HOME", str(checkpoint.parent))
        found = {find_archive(name) for name in (".", "../checkpoint", "~/checkpoint")}
        assert len(found) == len(conversions(cache)) == 1

    def test_overrides_are_as_for_an_archive(self, cache, checkpoint) -> None:
        overrides = json.dumps({"model.top_k": 2})
        output = Predictor.from_path(checkpoint, overrides=overrides).predict_json(RECORD)
        assert len(output["top_k"]) == 2
        with pytest.raises(ConfigurationError, match=r"checkpoint \(.*\) is not opened: Extra par"):
            load_archive(checkpoint, overrides='{"model.x": 1}')


class TestWhatIsNone:
    def test_archives_and_trainings_stay_what_they_are(self, cache, tmp_path) -> None:
        extract(ARCHIVE, tmp_path / "training")
        for name in (ARCHIVE, str(ARCHIVE), tmp_path / "training", "hf://owner/archive", "no such"):
            assert find_archive(name) == name
        load_archive(tmp_path / "training")
        assert not cache.exists()

    @pytest.mark.parametrize("name", [str(FIXTURES), "hf:nobody/knows", "hf:a/b/c", "hf:"])
    def test_nothing_is_left_of_what_is_refused(self, cache, name) -> None:
        with pytest.raises(ConfigurationError, match="neither a directory"):
            load_archive(name)
        assert [path for path in conversions(cache) if path.is_dir()] == []

    def test_a_damaged_config(self, cache, checkpoint) -> None:
        (checkpoint / "config.json").write_text("{")
        with pytest.raises(ConfigurationError, match="checkpoint is not opened: config.json is da"):
            load_archive(checkpoint)

    def test_a_cache_that_cannot_be_written(self, tmp_path, checkpoint, monkeypatch) -> None:
        (tmp_path / "file").write_text("")
        monkeypatch.setenv("ALLENNLP_CACHE_ROOT", str(tmp_path / "file"))
        with pytest.raises(ConfigurationError, match="ALLENNLP_CACHE_ROOT names another place"):
            load_archive(checkpoint)


class TestTheHub:
    def test_revisions(self, cache, hub, tmp_path, checkpoint) -> None:
        put_on_hub(hub, "owner/model", checkpoint)
        rewrite(checkpoint / "config.json", id2label={"0": "a", "1": "b", "2": "c"}, label2id=...)
        put_on_hub(hub, "owner/model", checkpoint, "v2")
        for name, labels in (("hf:owner/model", LABELS), ("hf:owner/model@v2", ["a", "b", "c"])):
            assert Predictor.from_path(name)._model.objective.names == labels
        with pytest.raises(ConfigurationError, match="owner/model in the revision 'v3' is neither"):
            load_archive("hf:owner/model@v3")
        assert len(conversions(cache)) == 2

    def test_errors_name_the_model_and_not_where_it_is_cached(self, cache, hub, checkpoint) -> None:
        rewrite(checkpoint / "config.json", architectures=["BertForPoetry"])
        put_on_hub(hub, "owner/poet", checkpoint)
        with pytest.raises(ConfigurationError, match="^hf:owner/poet has the head 'BertForPoetry'"):
            load_archive("hf:owner/poet")

    def test_two_processes_at_once_with_plain_text(self, tmp_path) -> None:
        publish(tmp_path / "published", "BertForMaskedLM")
        put_on_hub(tmp_path / "home", "google-bert/bert-base-uncased", tmp_path / "published")
        command = [sys.executable, "-m", "allennlp", "predict"]
        command += ["hf:google-bert/bert-base-uncased", "-", "--input-format", "text"]
        environment = {
            **os.environ,
            "HF_HOME": str(tmp_path / "home"),
            "ALLENNLP_CACHE_ROOT": str(tmp_path / "cache"),
            "PYTHONPATH": str(ROOT),
        }
        text = "Plants create [MASK] through a process known as photosynthesis."
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        # Away from the repository, whose .allennlp_plugins would help.
        both = [
            subprocess.Popen(command, cwd=tmp_path, env=environment, text=True, **pipes)
            for _ in range(2)
        ]
        for process in both:
            printed, log = process.communicate(f"{text}\n\n")
            assert process.returncode == 0, log
            prediction = json.loads(printed.split("prediction: ")[1])
            assert prediction["text"].startswith("Plants create ") and prediction["fills"]
        assert len(conversions(tmp_path / "cache" / "checkpoints")) == 1


def test_a_refusal_is_one_sentence_and_status_1(tmp_path) -> None:
    data = write_lines(tmp_path / "in.jsonl", [RECORD])
    done = run_allennlp(
        "predict",
        "hf:nobody/knows",
        data,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert done.stderr.splitlines()[-1].startswith("nobody/knows is neither a directory here")
