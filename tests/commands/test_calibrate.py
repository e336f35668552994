"""`allennlp calibrate` and `model.calibration`: on every task that gives probabilities."""

import json
import re
import signal
import tarfile
from pathlib import Path
from typing import Any

import httpx
import pytest
import torch
from allennlp.common import Params
from allennlp.common.checks import ConfigurationError
from allennlp.models.archival import load_archive
from allennlp.predictors import Predictor

from bert_classification.commands.calibrate import calibrate
from tests.classification.support import MULTI
from tests.commands.support import records_of, tensors_of
from tests.support import FIXTURES, TASKS, allennlp, assert_close, predictor_class, write_lines
from tests.training.killing import difference, outcome, train

CALIBRATED = [task for task in TASKS if predictor_class(task).can_abstain]
ANSWERS = ("label", "labels", "choice", "tags", "answer", "start", "end")
TEMPERATURE = 1.7


def train_data(task: str) -> str:
    return Params.from_file(f"training_config/{task}.jsonnet")["train_data_path"]


@pytest.fixture(scope="module")
def set_to(archive_of, tmp_path_factory) -> Any:
    """An archive that was calibrated, whatever was fitted, with a certain temperature."""
    made: dict[str, Path] = {}

    def make(task: str) -> Path:
        if task not in made:
            directory = tmp_path_factory.mktemp(task)
            with tarfile.open(archive_of(task)) as tar:
                tar.extractall(directory / "parts", filter="data")
            parts = directory / "parts"
            config = json.loads((parts / "config.json").read_text())
            config["model"]["calibration"] = {"abstain_below": 0.5}
            (parts / "config.json").write_text(json.dumps(config))
            state = torch.load(parts / "weights.th", weights_only=True)
            state["calibration.temperature"] = torch.tensor(TEMPERATURE)
            state["calibration.least_in_set"] = torch.tensor(0.1)
            torch.save(state, parts / "weights.th")
            with tarfile.open(directory / "set.tar.gz", "w:gz") as tar:
                for path in parts.iterdir():
                    tar.add(path, path.name)
            made[task] = directory / "set.tar.gz"
        return made[task]

    return make


def predictions_of(archive: Path, task: str, **arguments: Any) -> list[dict[str, Any]]:
    predictor = Predictor.from_path(archive, **arguments)
    return predictor.predict_batch_json([predictor.example, *records_of(task)])


@pytest.mark.parametrize("task", CALIBRATED)
def test_a_temperature_changes_confidences_and_no_answer(task, archive_of, set_to) -> None:
    before, after = (predictions_of(each(task), task) for each in (archive_of, set_to))
    for old, new in zip(before, after):
        assert [old.get(key) for key in ANSWERS] == [new.get(key) for key in ANSWERS]
        assert "confidence" not in old and "abstain" not in old
        if "confidence" in new:
            assert 0 <= new["confidence"] <= 1 and new["abstain"] is (new["confidence"] < 0.5)
    assert any("confidence" in each for each in after)
    if "probs" in before[0] and task != "token_classification":
        flattened = torch.tensor(before[0]["probs"]).log().div(TEMPERATURE).softmax(-1)
        assert_close(after[0]["probs"], flattened.tolist(), 1e-5)
        assert after[0]["confidence"] == max(after[0]["probs"])


@pytest.mark.parametrize("task", CALIBRATED)
def test_a_record_has_its_own_limit(task, set_to, archive_of) -> None:
    example = predictor_class(task).example
    for archive in (set_to(task), archive_of(task)):
        predictor = Predictor.from_path(archive)
        strict, lax, wrong = predictor.predict_batch_json(
            [{**example, "abstain_below": each} for each in (1, 0, "high")]
        )
        assert wrong["error"].startswith("`abstain_below`: expected a number from 0 to 1")
        assert strict.get("abstain", True) is True and lax.get("abstain", False) is False


@pytest.mark.parametrize("task", CALIBRATED)
def test_it_travels(task, set_to, tmp_path) -> None:
    allennlp("to-safetensors", set_to(task), tmp_path / "safe.tar.gz")
    expected = predictions_of(set_to(task), task)
    assert predictions_of(tmp_path / "safe.tar.gz", task) == expected
    # An override of one setting leaves what was fitted.
    overrides = json.dumps({"model.calibration.abstain_below": 0.999})
    strict = predictions_of(set_to(task), task, overrides=overrides)
    for old, new in zip(expected, strict):
        assert old.get("confidence") == new.get("confidence")
        assert "confidence" not in new or new["abstain"] is (new["confidence"] < 0.999)
    overrides = json.dumps({"model.calibration.temperature": 1.0})
    archive = load_archive(set_to(task), overrides=overrides)
    assert float(archive.model.calibration.temperature) == 1


@pytest.mark.parametrize("task", [task for task in CALIBRATED if task != "pretraining"])
def test_the_export_has_it_in_its_final_layer(task, set_to, tmp_path) -> None:
    import transformers

    allennlp("export-hf", set_to(task), tmp_path / "hf")
    name = json.loads((tmp_path / "hf" / "config.json").read_text())["architectures"][0]
    head = getattr(transformers, name).from_pretrained(tmp_path / "hf").eval()
    model = load_archive(set_to(task)).model
    final = {"question_answering": "qa_outputs", "next_sentence_prediction": "cls.seq_relationship"}
    ours = model.get_submodule(final.get(task, "classifier"))
    theirs = head.get_submodule(final.get(task, "classifier"))
    assert torch.allclose(theirs.weight * TEMPERATURE, ours.weight, atol=1e-6)
    assert "calibration" not in (tmp_path / "hf" / "README.md").read_text()


def mostly_right(task: str, archive: Path, path: Path) -> str:
    """Writes records whose gold is what the model says, of each third one another record's."""
    predictor: Any = Predictor.from_path(archive)
    records = [dict(record) for record in (records_of(task) * 24)[:24]]
    outputs = predictor.predict_batch_json(records)
    for number, (record, output) in enumerate(zip(records, outputs)):
        wrong = number % 3 == 0
        if task == "question_answering":
            best = output["n_best"][1 if wrong else 0]
            answer = {"text": best["answer"], "answer_start": best["start"]}
            record["answers"] = [answer] if best["answer"] else []
            record["is_impossible"] = not best["answer"]
        else:
            ranked = sorted(range(len(output["probs"])), key=lambda at: -output["probs"][at])
            label = ranked[1 if wrong else 0]
            record["label"] = predictor.labels[label] if predictor.labels else label
    return write_lines(path, records)


@pytest.mark.parametrize("task", ["classification", "question_answering"])
def test_the_command_fits_and_says_what_it_changes(task, archive_of, tmp_path, capsys) -> None:
    out, data = tmp_path / "out.tar.gz", mostly_right(task, archive_of(task), tmp_path / "d.jsonl")
    shares = ("--coverage", 0.8, "--conformal", 0.6)
    capsys.readouterr()
    allennlp("calibrate", archive_of(task), data, out, *shares)
    report = json.loads(capsys.readouterr().out)
    assert report["after"]["nll"] < report["before"]["nll"]
    assert report["accuracy"] == pytest.approx(2 / 3) and report["answered"] >= 0.8
    archive = load_archive(out)
    calibration = archive.model.calibration
    assert float(calibration.temperature) == pytest.approx(report["temperature"])
    assert calibration.abstain_below == report["abstain_below"]
    with tarfile.open(out) as new, tarfile.open(archive_of(task)) as old:
        assert sorted(new.getnames()) == sorted(old.getnames())
    outputs = Predictor.from_path(out).predict_batch_json(records_of(task))
    answer = "answer" if task == "question_answering" else "label"
    assert all(output["label_set"][0] == output[answer] for output in outputs)
    answered = [output["abstain"] for output in outputs].count(False)
    assert answered / len(outputs) == pytest.approx(report["answered"], abs=0.2)


def test_many_labels_keep_theirs(tmp_path) -> None:
    archive = FIXTURES / "archives" / "classification_of_many_labels.tar.gz"
    before: Any = Predictor.from_path(archive)
    names = before._model.objective.names
    texts = [record["text"] for record in records_of("classification")] * 4
    lines = [
        {"text": text, "label": [names[at % len(names)]] if at % 3 else []}
        for at, text in enumerate(texts)
    ]
    data = write_lines(tmp_path / "dev.jsonl", lines)
    calibrate(str(archive), data, str(tmp_path / "out.tar.gz"), conformal=0.5)
    after: Any = Predictor.from_path(tmp_path / "out.tar.gz")
    assert float(after._model.calibration.temperature) != pytest.approx(1, abs=1e-2)
    for record in records_of("classification"):
        old, new = before.predict_json(record), after.predict_json(record)
        assert old["labels"] == new["labels"] and old["probs"] != new["probs"]
        again = after.predict_json({**record, "threshold": 0.5})
        assert again["labels"] == [n for n, p in zip(names, new["probs"]) if p >= 0.5]


class TestWhatItRefuses:
    def refused(self, archive: Any, data: str, tmp_path: Path, match: str, **shares: Any) -> None:
        with pytest.raises(ConfigurationError, match=match):
            calibrate(str(archive), data, str(tmp_path / "new.tar.gz"), **shares)
        assert not (tmp_path / "new.tar.gz").exists()

    @pytest.mark.parametrize(
        "lines, match",
        [
            ([{"text": "a", "label": "positive"}] * 3, "all 3 records have the same label"),
            ([{"text": "a", "label": "purple"}], r"data.jsonl, line 1: label 'purple' is unknown"),
            ([{"text": "a"}], "data.jsonl, line 1: no key `label`"),
        ],
    )
    def test_data(self, lines, match, archive_of, tmp_path) -> None:
        data = write_lines(tmp_path / "data.jsonl", lines)
        self.refused(archive_of("classification"), data, tmp_path, match)

    def test_a_task_without_probabilities(self, archive_of, tmp_path) -> None:
        data = train_data("masked_lm")
        self.refused(archive_of("masked_lm"), data, tmp_path, "gives no probability of an answer")

    @pytest.mark.parametrize("share", [0, 1, 1.5])
    def test_a_share_that_is_none(self, share, archive_of, tmp_path) -> None:
        archive, data = archive_of("classification"), train_data("classification")
        self.refused(archive, data, tmp_path, "a share between 0 and 1", coverage=share)

    @pytest.mark.parametrize(
        "value, match",
        [
            ("platt", "expected `temperature`, or an object"),
            ({"temprature": 1}, "`model.calibration.temprature`: there is no such setting"),
            ({"abstain_below": 2}, "expected a number above 0 and below 1"),
        ],
    )
    def test_settings(self, value, match, archive_of) -> None:
        with pytest.raises(ConfigurationError, match=re.escape(match)):
            load_archive(archive_of("classification"), overrides={"model.calibration": value})


FITTED: dict[str, Any] = {
    "model.calibration": {"conformal": 0.8},
    "trainer.num_epochs": 2,
    "trainer.optimizer.lr": 0.002,
}


def test_training_fits_it_and_goes_on_with_it(tmp_path) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert train("classification", whole, FITTED) == 0
    metrics = json.loads((whole / "metrics.json").read_text())
    assert {f"best_validation_{key}" for key in ("ece", "brier", "nll", "aurc")} <= set(metrics)
    assert "training_ece" not in metrics
    fitted = outcome(whole)["best"]["calibration.temperature"]
    assert float(fitted) != 1
    assert train("classification", killed, FITTED, kill_at=8) == -signal.SIGKILL
    assert train("classification", killed, FITTED, "--recover") == 0
    assert difference(outcome(whole), outcome(killed)) is None
    # A training that starts from its archive takes it along and fits it again.
    config = {"type": "from_archive", "archive_file": str(whole / "model.tar.gz")}
    overrides = json.dumps({"model": config, "trainer.num_epochs": 1})
    config_file = "training_config/classification.jsonnet"
    params = Params.from_file(config_file, overrides).as_dict()
    params["model"] = config
    (tmp_path / "again.json").write_text(json.dumps(params))
    allennlp("train", tmp_path / "again.json", "-s", tmp_path / "again")
    again = load_archive(tmp_path / "again" / "model.tar.gz").model.calibration
    assert again.conformal == 0.8 and float(again.temperature) not in (1.0, float(fitted))


def test_training_without_validation_data_cannot_fit(tmp_path) -> None:
    overrides = json.dumps({"model.calibration": "temperature", "validation_data_path": None})
    config = "training_config/classification.jsonnet"
    with pytest.raises(ConfigurationError, match="`validation_data_path` is missing"):
        allennlp("train", config, "-s", tmp_path / "out", "-o", overrides)


def test_many_labels_are_calibrated_in_training(tmp_path) -> None:
    overrides = {
        **FITTED,
        "model.calibration": "temperature",
        "dataset_reader.problem_type": MULTI,
        "dataset_reader.label_delimiter": ",",
        "model.problem_type": MULTI,
        "model.tune_threshold": "per_label",
        "trainer.validation_metric": "-loss",
    }
    assert train("classification", tmp_path / "out", overrides) == 0
    model = load_archive(tmp_path / "out" / "model.tar.gz").model
    before = (model.objective.thresholds.logit() * model.calibration.temperature).sigmoid()
    assert float(model.calibration.temperature) != 1
    assert before.isfinite().all()


def test_the_server_counts(set_to, serve) -> None:
    url = serve(Predictor.from_path(set_to("classification")))
    example = predictor_class("classification").example
    for limit in (1, 0, None):
        httpx.post(f"{url}/predict", json={**example, "abstain_below": limit, "abstain": 7})
    assert httpx.post(f"{url}/predict", json={**example, "abstain_below": 1}).json()["abstain"]
    figures = httpx.get(f"{url}/metrics").text
    assert "abstentions_total 1.0" in figures and "confidence_count 4.0" in figures


def test_a_prediction_has_the_same_tensors(set_to, archive_of) -> None:
    """The loss is that of the logits as they were."""
    old, new = (Predictor.from_path(each("classification")) for each in (archive_of, set_to))
    tensors = tensors_of(old, records_of("classification"))
    tensors["label"] = torch.zeros(len(records_of("classification")), dtype=torch.long)
    assert old._model(**tensors)["loss"] == new._model(**tensors)["loss"]
