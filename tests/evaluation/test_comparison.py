"""Two models on the same records."""

import json
import re
from pathlib import Path

import numpy
import pytest
from allennlp.common.checks import ConfigurationError

from bert_classification.commands.compare import WORSE
from bert_classification.evaluation.comparison import compare
from tests.evaluation.support import ARCHIVES, dev_of, write_predictions
from tests.support import allennlp, read_json_lines, write_lines

CHOOSER = ARCHIVES / "multiple_choice.tar.gz"
CLASSIFIER = ARCHIVES / "classification.tar.gz"
DEV = dev_of("classification")


def lines_of(right: list[bool]) -> list[dict]:
    lines = []
    for number, is_right in enumerate(right):
        gold = "ab"[number % 2]
        given = gold if is_right else "ba"[number % 2]
        probs = {name: 0.8 if name == given else 0.2 for name in "ab"}
        told = {"gold": gold, "prediction": given, "probs": probs, "loss": 0.2 if is_right else 1.6}
        lines.append({"text": f"text {number}", **told})
    return lines


@pytest.fixture
def files(tmp_path) -> tuple[str, str]:
    """The predictions of a model, and of one that is worse."""
    right = [number % 10 != 0 for number in range(200)]
    worse = [each and number % 4 != 1 for number, each in enumerate(right)]
    return tuple(
        write_predictions(tmp_path, "classification", lines_of(each), name)
        for each, name in ((right, "one.jsonl"), (worse, "other.jsonl"))
    )


def test_a_worse_model(files, tmp_path, capsys) -> None:
    with pytest.raises(SystemExit) as ended:
        allennlp("compare", *files, "-d", tmp_path, "--fail-if-worse")
    assert ended.value.code == WORSE
    found = json.loads((tmp_path / "comparison.json").read_text())
    assert found["verdict"] == "worse"
    assert "B is worse: accuracy 0.900 to 0.650" in capsys.readouterr().out
    assert found["mcnemar"]["only_a"] == 50 and found["mcnemar"]["only_b"] == 0
    each = found["scores"]["accuracy"]
    assert each["difference"] == pytest.approx(-0.25) and each["high"] < 0
    differing = read_json_lines(tmp_path / "differences.jsonl")
    assert len(differing) == 50 == found["different_predictions"]
    for line in differing:
        assert line["a"]["prediction"] == line["gold"] != line["b"]["prediction"]
    assert "Right by A alone: 50" in (tmp_path / "comparison.html").read_text()


def test_a_better_model_and_the_same(files, tmp_path) -> None:
    allennlp("compare", *reversed(files), "-d", tmp_path / "better", "--fail-if-worse")
    allennlp("compare", files[0], files[0], "-d", tmp_path / "same", "--fail-if-worse")
    found = [
        json.loads((tmp_path / name / "comparison.json").read_text()) for name in ("better", "same")
    ]
    assert [each["verdict"] for each in found] == ["better", "no clear difference"]
    assert {each["difference"] for each in found[1]["scores"].values()} == {0.0}
    assert found[1]["mcnemar"]["p"] == 1.0


def test_a_loss_that_rises_is_worse(files) -> None:
    found = compare(*files, seed=0)
    assert found.differences["loss"].difference > 0 and found.verdict("loss") == "worse"


def test_the_interval_is_that_of_pairs(files) -> None:
    found = compare(*files, seed=5)
    right = [
        numpy.array([line["gold"] == line["prediction"] for line in read_json_lines(Path(path))])
        for path in files
    ]
    drawn = numpy.random.default_rng(5)
    gaps = []
    for _ in range(1000):
        places = drawn.integers(200, size=200)
        gaps.append(right[1][places].mean() - right[0][places].mean())
    each = found.differences["accuracy"]
    expected = numpy.quantile(gaps, [0.025, 0.975])
    assert [each.low, each.high] == pytest.approx(list(expected), abs=1e-9)


def test_archives_with_explanations(archive_of, tmp_path) -> None:
    other, data = archive_of("multiple_choice"), dev_of("multiple_choice")
    allennlp("compare", CHOOSER, other, data, "-d", tmp_path, "--explain", 2)
    for side in "ab":
        assert len(read_json_lines(tmp_path / f"{side}.jsonl")) == 16
    assert len(read_json_lines(tmp_path / "differences.jsonl")) >= 2
    # Of each of two records the words of the prompt are shaded, for A and for B.
    page = (tmp_path / "comparison.html").read_text()
    shaded = [len(re.findall(f"<b>{side}: [^<]*</b> <span class=", page)) for side in "AB"]
    assert shaded == [2, 2]


@pytest.mark.parametrize("change, message", [
    (lambda lines: lines[:-1], "other.jsonl ends after 199 lines"),
    (lambda lines: [{**lines[0], "gold": "b"}, *lines[1:]], "line 1: `gold` is a string"),
    (lambda lines: [lines[0], {**lines[1], "text": "x"}, *lines[2:]], "line 2: `text`"),
    (lambda lines: [{"text": "x"}], "other.jsonl, line 1: no key `id`; expected a line of"),
    (lambda lines: ["no JSON"], "other.jsonl, line 1: not valid JSON"),
    (lambda lines: [], "other.jsonl: no line in this file"),
    (lambda lines: [{**line, "task": "embedding"} for line in lines], "only models of one task"),
])  # fmt: skip
def test_other_predictions(files, tmp_path, change, message) -> None:
    write_lines(tmp_path / "other.jsonl", change(read_json_lines(Path(files[1]))))
    with pytest.raises(ConfigurationError, match=message):
        allennlp("compare", *files, "-d", tmp_path / "out")


@pytest.mark.parametrize("arguments, message", [
    ((CLASSIFIER, ARCHIVES / "question_answering.tar.gz", DEV), "is of the task classification"),
    ((CLASSIFIER, CLASSIFIER), "no data; give the files"),
    ((CLASSIFIER, CLASSIFIER, "missing.tsv"), "missing.tsv: no such file"),
])  # fmt: skip
def test_refusals_before_a_model_runs(tmp_path, arguments, message) -> None:
    with pytest.raises(ConfigurationError, match=message):
        allennlp("compare", *arguments, "-d", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_unknown_metric(files, tmp_path) -> None:
    with pytest.raises(ConfigurationError, match="`--metric` is 'f2'; expected one of accuracy"):
        allennlp("compare", *files, "-d", tmp_path, "--metric", "f2")
