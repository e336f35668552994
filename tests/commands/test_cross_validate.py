"""`allennlp cross-validate`: each record predicted once, by a model that did not see it."""

import json
from pathlib import Path
from typing import Any

import numpy
import pytest
from allennlp.common import Params
from allennlp.common.checks import ConfigurationError
from allennlp.models.archival import load_archive
from allennlp.predictors import Predictor
from scipy.stats import t

from bert_classification.commands.cross_validate import cross_validate
from bert_classification.commands.folds import split, summarize
from bert_classification.data.records import Record
from tests.support import FIXTURES, allennlp, read_json_lines, write_lines


def config_of(task: str, **overrides: Any) -> dict[str, Any]:
    overrides = {"trainer.num_epochs": 1, **overrides}
    return Params.from_file(f"training_config/{task}.jsonnet", json.dumps(overrides)).as_dict()


def draw_records(seed: int) -> list[Record]:
    random = numpy.random.default_rng(seed)
    count = int(random.integers(40, 200))
    values = zip(random.integers(0, 12, count).tolist(), random.choice(["a", "b"], count).tolist())
    return [
        Record({"author": author, "label": label}, "f", line)
        for line, (author, label) in enumerate(values, 1)
    ]


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("by", [{}, {"stratify": "label"}, {"group": "author"}])
def test_each_record_is_held_out_once(seed, by) -> None:
    records = draw_records(seed)
    folds = split(records, 4, seed, **by)
    everything = list(range(len(records)))
    assert sorted(at for fold in folds for at in fold.held_out) == everything
    for fold in folds:
        assert sorted([*fold.train, *fold.held_out]) == everything
        if "group" in by:
            sides = [{records[at].values["author"] for at in side} for side in fold]
            assert not sides[0] & sides[1]
        if "stratify" in by:
            share = [sum(records[at].values["label"] == "a" for at in side) for side in fold]
            assert share[1] / len(fold.held_out) == pytest.approx(
                (share[0] + share[1]) / len(records), abs=2 / len(fold.held_out)
            )
    assert folds == split(records, 4, seed, **by)


def test_the_interval_is_that_of_nadeau_and_bengio() -> None:
    values = [0.80, 0.82, 0.78, 0.84, 0.81]
    figures = summarize(values, 5)
    deviation = numpy.std(values, ddof=1)
    half = t.ppf(0.975, 4) * deviation * (1 / 5 + 1 / 4) ** 0.5
    assert figures["mean"] == pytest.approx(0.81)
    assert figures["interval"] == pytest.approx([0.81 - half, 0.81 + half])


def test_it_predicts_all_and_goes_on(tmp_path, capsys) -> None:
    config = "training_config/classification.jsonnet"
    arguments = ("cross-validate", config, "-s", tmp_path / "cv", "--folds", 3)
    options = ("--stratify", "label", "-o", json.dumps({"trainer.num_epochs": 1}))
    allennlp(*arguments, *options)
    assert "macro_f1" in capsys.readouterr().out
    lines = read_json_lines(tmp_path / "cv" / "out_of_fold.jsonl")
    gold = read_json_lines(FIXTURES / "classification" / "train.jsonl")
    assert [line["line"] for line in lines] == list(range(1, len(gold) + 1))
    assert [line["gold"] for line in lines] == [record["label"] for record in gold]
    summary = json.loads((tmp_path / "cv" / "metrics.json").read_text())
    right = numpy.array([line["gold"] == line["prediction"] for line in lines])
    folds = numpy.array([line["fold"] for line in lines])
    of_each = [right[folds == number].mean() for number in (1, 2, 3)]
    assert summary["metrics"]["accuracy"]["values"] == pytest.approx(of_each)
    # The archive of a fold predicts its lines, and is one like any other.
    line = next(line for line in lines if line["fold"] == 2)
    predictor = Predictor.from_path(tmp_path / "cv" / "fold_2" / "model.tar.gz")
    output = predictor.predict_json(
        {key: line[key] for key in ("text", "text_pair") if key in line}
    )
    assert output["probs"] == pytest.approx(list(line["probabilities"].values()), abs=1e-5)
    assert line["confidence"] == pytest.approx(max(output["probs"]), abs=1e-5)
    # What was not finished is done again, to the same end, and nothing else.
    before = {path: path.read_bytes() for path in (tmp_path / "cv").glob("*.json*")}
    first = (tmp_path / "cv" / "fold_1" / "model.tar.gz").stat().st_mtime_ns
    (tmp_path / "cv" / "fold_2" / "fold.json").unlink()
    for path in (tmp_path / "cv" / "fold_2").glob("*_state_e*.th"):
        path.unlink()
    allennlp(*arguments, *options)
    assert (tmp_path / "cv" / "fold_1" / "model.tar.gz").stat().st_mtime_ns == first
    assert (tmp_path / "cv" / "out_of_fold.jsonl").read_bytes() == before[
        tmp_path / "cv" / "out_of_fold.jsonl"
    ]
    again = json.loads((tmp_path / "cv" / "metrics.json").read_text())
    assert again["metrics"] == summary["metrics"]
    with pytest.raises(ConfigurationError, match="of another `stratify`"):
        allennlp(*arguments, "-o", json.dumps({"trainer.num_epochs": 1}))


@pytest.mark.parametrize("task", ["multiple_choice", "token_classification", "question_answering"])
def test_other_tasks(task, tmp_path) -> None:
    summary = cross_validate(config_of(task), str(tmp_path / "cv"), folds=2, seeds=1)
    lines = read_json_lines(tmp_path / "cv" / "out_of_fold.jsonl")
    assert lines and all("gold" in line and "prediction" in line for line in lines)
    if task == "token_classification":
        for line in lines:
            assert len(line["gold"]) == len(line["prediction"]) == len(line["probabilities"])
    assert summary["metrics"]


def test_several_seeds(tmp_path) -> None:
    config = config_of("next_sentence_prediction")
    summary = cross_validate(config, str(tmp_path / "cv"), folds=2, seeds=2)
    assert len(summary["metrics"]["accuracy"]["values"]) == 4
    weights = [
        load_archive(tmp_path / "cv" / name / "model.tar.gz").model.cls.seq_relationship.weight
        for name in ("fold_1", "fold_1_seed_2")
    ]
    assert not weights[0].equal(weights[1])


class TestWhatItRefuses:
    def refused(self, tmp_path: Path, match: str, config: Any = None, **options: Any) -> None:
        config = config_of("classification") if config is None else config
        with pytest.raises(ConfigurationError, match=match):
            cross_validate(config, str(tmp_path / "cv"), **options)
        assert not list((tmp_path / "cv").glob("fold_*"))

    def test_options(self, tmp_path) -> None:
        self.refused(tmp_path, "expected at least 2 folds and 1 seed", folds=1)
        self.refused(tmp_path, "there are 180 records", folds=500)
        self.refused(tmp_path, "line 1: `--group author`: expected one value", group="author")
        self.refused(tmp_path, "180 of 180|fewer than the 90 folds", folds=90, stratify="label")

    def test_a_label_that_a_fold_has_not_seen(self, tmp_path) -> None:
        lines = [{"text": "a", "label": "good" if at else "rare"} for at in range(20)]
        data = write_lines(tmp_path / "data.jsonl", lines)
        config = config_of("classification", train_data_path=data, validation_data_path=data)
        self.refused(tmp_path, r"data.jsonl, line 1: fold \d has no record with the label", config)

    def test_unlabelled_data(self, tmp_path) -> None:
        data = write_lines(tmp_path / "data.jsonl", [{"text": "a"}] * 9)
        config = config_of("classification", train_data_path=data)
        self.refused(tmp_path, "data.jsonl, line 1: no key `label`", config)

    def test_another_task(self, tmp_path) -> None:
        self.refused(tmp_path, "cross-validation is for", config_of("masked_lm"))

    def test_a_directory_of_something_else(self, tmp_path) -> None:
        (tmp_path / "cv").mkdir()
        (tmp_path / "cv" / "thesis.txt").write_text("")
        self.refused(tmp_path, "holds no cross-validation")
