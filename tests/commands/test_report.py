"""`allennlp report`, and `"evaluation": {"type": "bert_report"}`."""

import json

import pytest
from allennlp.common.checks import ConfigurationError

from tests.evaluation.support import ARCHIVES, dev_of, report, write_predictions
from tests.support import FIXTURES, allennlp, run_allennlp, write_lines

CLASSIFIER = ARCHIVES / "classification.tar.gz"
DEV = dev_of("classification")
RECORD = {"text": "A warm room.", "label": "positive"}


def test_a_cell_leads_to_its_texts(tmp_path) -> None:
    made = report(tmp_path, CLASSIFIER, DEV)
    page = (tmp_path / "report.html").read_text()
    names = made.report["labels"]
    for gold, row in enumerate(made.report["confusion"]):
        for given, count in enumerate(row):
            anchor, leads = f"cell-{gold}-{given}", gold != given and count > 0
            assert (f'href="#{anchor}"' in page) == (f'id="{anchor}"' in page) == leads
            if leads:
                assert f"{names[gold]} taken for {names[given]}: {count}" in page


def test_several_files_and_a_report_made_again(tmp_path) -> None:
    files = (DEV, FIXTURES / "classification" / "train.jsonl")
    made = report(tmp_path / "one", CLASSIFIER, *files, "--slices", "file")
    assert made.report["records"] == 240
    assert {part["records"] for part in made.report["slices"]["file"]} == {60, 180}
    again = report(tmp_path / "two", tmp_path / "one" / "predictions.jsonl", "--slices", "file")
    assert again.report["scores"] == made.report["scores"]
    assert again.lines == made.lines


def test_one_kind_alone(tmp_path) -> None:
    data = write_lines(tmp_path / "one.jsonl", [RECORD] * 5)
    made = report(tmp_path / "report", CLASSIFIER, data)
    assert made.report["support"] == [0, 5, 0] and "curves" not in made.report


def test_curves_of_training(archive_of, tmp_path) -> None:
    archive = archive_of("classification")
    epoch = json.loads((archive.parent / "metrics_epoch_0.json").read_text())
    (tmp_path / "model.tar.gz").write_bytes(archive.read_bytes())
    for number in (0, 1, 10):
        (tmp_path / f"metrics_epoch_{number}.json").write_text(
            json.dumps({**epoch, "epoch": number})
        )
    made = report(tmp_path / "report", tmp_path / "model.tar.gz", DEV)
    assert [each["epoch"] for each in made.report["epochs"]] == [0, 1, 10]
    assert (tmp_path / "report" / "training-loss.svg").exists()


@pytest.mark.parametrize("records, message", [
    ([RECORD, {"text": "Cold."}], "bad.jsonl, line 2: no key `label`"),
    ([RECORD, {**RECORD, "label": "great"}], "line 2: `label`: 'great' is unknown; the model"),
    ([{"question": "Who?", "context": "Ann."}], "bad.jsonl, line 1: no key `text`"),
    ([], "bad.jsonl: no record in this file"),
])  # fmt: skip
def test_bad_data_are_refused_before_the_model_runs(tmp_path, records, message) -> None:
    data = write_lines(tmp_path / "bad.jsonl", records)
    with pytest.raises(ConfigurationError, match=message):
        allennlp("report", CLASSIFIER, data, "-d", tmp_path / "report")
    assert not (tmp_path / "report").exists()


def test_unknown_tags(tmp_path) -> None:
    data = write_lines(tmp_path / "bad.jsonl", [{"tokens": ["Ann"], "tags": ["B-DRUG"]}])
    with pytest.raises(ConfigurationError, match="line 1: `tags`: 'B-DRUG' is unknown"):
        allennlp(
            "report", ARCHIVES / "token_classification.tar.gz", data, "-d", tmp_path / "report"
        )


@pytest.mark.parametrize("arguments, message", [
    ((CLASSIFIER,), "no data; give the files"),
    ((CLASSIFIER, DEV, "--slices", "domain"), "no record .* has the key `domain`"),
    ((CLASSIFIER, DEV, "--top-errors", 0), "`--top-errors` is 0"),
    ((DEV, DEV), "holds predictions already"),
    ((DEV,), "dev.jsonl, line 1: no key `file`"),
])  # fmt: skip
def test_other_refusals(tmp_path, arguments, message) -> None:
    with pytest.raises(ConfigurationError, match=message):
        allennlp("report", *arguments, "-d", tmp_path / "report")


@pytest.mark.parametrize("change", [{"gold": "other"}, {"probs": [0.5, 0.5]}, {"loss": "high"}])
def test_damaged_predictions(tmp_path, change) -> None:
    told = {"text": "a", "gold": "a", "prediction": "a", "probs": {"a": 0.9, "b": 0.1}}
    path = write_predictions(tmp_path, "classification", [told, {**told, **change}])
    with pytest.raises(ConfigurationError, match="given.jsonl, line 2: no prediction of the task"):
        allennlp("report", path, "-d", tmp_path / "report")


def test_the_command_says_it_in_a_sentence(tmp_path) -> None:
    data = write_lines(tmp_path / "bad.jsonl", [{"text": "Cold."}])
    ended = run_allennlp("report", CLASSIFIER, data, "-d", tmp_path / "report")
    assert ended.returncode == 1 and "Traceback" not in ended.stderr
    assert "bad.jsonl, line 1: no key `label`" in ended.stderr


def test_training_and_evaluate_write_it(tmp_path, monkeypatch) -> None:
    overrides = {
        "trainer.num_epochs": 2,
        "evaluation": {"type": "bert_report", "slices": ["text_pair"], "top_errors": 3},
    }
    config = "training_config/classification.jsonnet"
    allennlp("train", config, "-s", tmp_path / "out", "-o", json.dumps(overrides))
    written = json.loads((tmp_path / "out" / "report-dev" / "report.json").read_text())
    assert written["records"] == 60 and len(written["epochs"]) == 2
    assert "text_pair" in written["slices"]
    output = tmp_path / "metrics.json"
    allennlp("evaluate", tmp_path / "out" / "model.tar.gz", DEV, "--output-file", output)
    again = json.loads((tmp_path / "report-dev" / "report.json").read_text())
    assert again["scores"] == written["scores"]
    assert json.loads(output.read_text())["accuracy"] == pytest.approx(
        again["scores"]["accuracy"]["value"]
    )


def test_a_wrong_evaluation_is_refused_before_training(tmp_path) -> None:
    overrides = json.dumps({"evaluation": {"type": "bert_report", "top_errors": 0}})
    with pytest.raises(ConfigurationError, match="`evaluation.top_errors` is 0"):
        allennlp("train", "training_config/classification.jsonnet", "-s", tmp_path, "-o", overrides)
