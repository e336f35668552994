"""The training examples that an archive keeps: those of the best weights, and no others."""

import json
import tarfile
from pathlib import Path
from typing import Any, Optional

import pytest
import torch
from allennlp.common.checks import ConfigurationError
from allennlp.models.archival import load_archive
from allennlp.predictors import Predictor
from allennlp.training import TrainerCallback
from torch.nn.functional import normalize

from tests.support import FIXTURES, ROOT, allennlp, read_json_lines, write_lines

CALLBACK: dict[str, Any] = {"type": "bert_nearest_examples"}
TRAIN = FIXTURES / "classification" / "train.jsonl"
NAMES = {f"vocabulary/.bert/nearest/{name}" for name in ("vectors.safetensors", "records.jsonl")}


def train(task: str, out: Path, callback: Optional[dict[str, Any]] = None, **others: Any) -> Path:
    overrides = {
        "trainer.num_epochs": 1,
        "trainer.callbacks": [CALLBACK if callback is None else callback],
        **others,
    }
    config = ROOT / "training_config" / f"{task}.jsonnet"
    allennlp("train", config, "-s", out, "-o", json.dumps(overrides))
    return out / "model.tar.gz"


def kept_of(archive: Path) -> Any:
    return load_archive(archive).model.kept_examples


def read_by_the_head(predictor: Any, records: list[dict[str, Any]]) -> torch.Tensor:
    """Catches what goes into the final layer for each record, made of length 1."""
    seen: list[torch.Tensor] = []
    model = predictor._model
    head = model.classifier if hasattr(model, "classifier") else model.cls
    handle = head.register_forward_hook(lambda _, given, __: seen.append(given[0].detach()))
    for record in records:
        assert "error" not in predictor.predict_json(record)
    handle.remove()
    # (records, 1, width), or (records, windows, width) as a mean
    return normalize(torch.stack([each.flatten(0, -2).mean(0) for each in seen]), dim=-1)


@pytest.mark.parametrize("task", ["classification", "next_sentence_prediction"])
def test_the_vectors_are_what_the_head_reads(task, tmp_path) -> None:
    archive = train(task, tmp_path / "out")
    with tarfile.open(archive) as tar:
        assert NAMES <= set(tar.getnames())
    predictor: Any = Predictor.from_path(archive)
    kept = predictor._model.kept_examples
    given = [each["record"] for each in kept.records]
    assert torch.allclose(kept.vectors, read_by_the_head(predictor, given), atol=2e-3)


@pytest.mark.parametrize("average", [None, {"type": "exponential", "decay": 0.9}])
def test_the_weights_are_the_best_ones_and_not_the_last(tmp_path, average) -> None:
    others = {
        "trainer.num_epochs": 3,
        "trainer.patience": None,
        "trainer.optimizer.lr": 0.05,
        "trainer.moving_average": average,
    }
    archive = train("classification", tmp_path / "out", **others)
    assert json.loads((tmp_path / "out" / "metrics.json").read_text())["best_epoch"] < 2
    predictor: Any = Predictor.from_path(archive)
    kept = predictor._model.kept_examples
    given = [each["record"] for each in kept.records[:20]]
    assert torch.allclose(kept.vectors[:20], read_by_the_head(predictor, given), atol=2e-3)


def test_records_are_taken_at_even_distances(tmp_path) -> None:
    kept = kept_of(train("classification", tmp_path / "out", {**CALLBACK, "max_examples": 4}))
    lines = read_json_lines(TRAIN)
    assert [each["line"] for each in kept.records] == [1, 46, 91, 136]
    for each in kept.records:
        read = lines[each["line"] - 1]
        assert each["file"] == "train.jsonl"
        assert each["record"] == {key: read[key] for key in read if key != "id"}


def test_only_what_was_trained_on(tmp_path) -> None:
    kept = kept_of(train("classification", tmp_path / "a", **{"dataset_reader.max_instances": 90}))
    assert [each["line"] for each in kept.records] == list(range(1, 91))


def test_long_texts_in_windows_and_odd_characters(tmp_path) -> None:
    long = "the soup was cold, " * 60
    texts = (long, "a \\ b \U0001f600", "c\u2028d")
    lines = [{"text": text, "label": label} for text in texts for label in ("good", "bad")]
    path = write_lines(tmp_path / "few.jsonl", lines)
    data = {"train_data_path": path, "validation_data_path": path}
    windows = {"dataset_reader.long_text": "windows", "dataset_reader.doc_stride": 40}
    archive = train("classification", tmp_path / "out", **data, **windows)
    predictor: Any = Predictor.from_path(archive)
    kept = predictor._model.kept_examples
    shown = [each["record"]["text"] for each in kept.records[::2]]
    assert shown == [long[:498] + " …", *texts[1:]]
    assert torch.allclose(kept.vectors, read_by_the_head(predictor, lines), atol=2e-3)


@pytest.mark.parametrize("task", ["multiple_choice", "masked_lm", "token_classification"])
def test_a_task_without_such_a_vector_is_refused_before_it_trains(task, tmp_path) -> None:
    with pytest.raises(ConfigurationError, match="needs a model with one vector a text or pair"):
        train(task, tmp_path / "out")
    assert not (tmp_path / "out" / "metrics_epoch_0.json").exists()


@pytest.mark.parametrize("count", [0, 5001])
def test_a_number_of_examples_that_is_none(count, tmp_path) -> None:
    with pytest.raises(ConfigurationError, match=f"is {count}; expected 1 to 5000"):
        train("classification", tmp_path / "out", {**CALLBACK, "max_examples": count})


@TrainerCallback.register("removes_training_data")
class RemovesTrainingData(TrainerCallback):
    def on_epoch(self, trainer: Any, *args: Any, **kwargs: Any) -> None:
        Path(trainer.data_loader.data_path).unlink()


def test_a_failure_costs_no_training(tmp_path) -> None:
    path = write_lines(tmp_path / "train.jsonl", read_json_lines(TRAIN))
    callbacks = {"trainer.callbacks": [{"type": "removes_training_data"}, CALLBACK]}
    archive = train("classification", tmp_path / "out", train_data_path=path, **callbacks)
    assert kept_of(archive) is None
    said = (tmp_path / "out" / "out.log").read_text()
    assert "the archive will keep no training examples" in said


def test_a_training_that_goes_on_keeps_those_of_its_new_weights(tmp_path) -> None:
    train("classification", tmp_path / "out")
    path = tmp_path / "out" / "vocabulary/.bert/nearest/vectors.safetensors"
    before = path.read_bytes()
    path.write_bytes(b"stale")
    config = ROOT / "training_config" / "classification.jsonnet"
    overrides = json.dumps({"trainer.num_epochs": 1, "trainer.callbacks": [CALLBACK]})
    allennlp("train", config, "-s", tmp_path / "out", "-o", overrides, "--recover")
    assert path.read_bytes() == before
