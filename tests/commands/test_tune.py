"""`allennlp tune`: spaces, trials, and what is left of a search that was killed."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import optuna
import pytest
from allennlp.common.checks import ConfigurationError
from allennlp.training import TrainerCallback
from optuna.trial import TrialState

from bert_classification.commands.search_space import read_space
from bert_classification.training.pruning import Pruned, PruningCallback, pruned_by
from tests.support import ROOT, allennlp

CONFIG = "training_config/classification.jsonnet"
SPACE: dict[str, Any] = {
    "trainer.optimizer.lr": {"low": 1e-5, "high": 1e-2, "log": True},
    "data_loader.batch_size": [16, 32],
}
QUICK = json.dumps({"trainer.num_epochs": 1})


def write(path: Path, value: Any) -> str:
    path.write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")
    return str(path)


def trials_of(directory: Path) -> list[Any]:
    return optuna.load_study(study_name="tune", storage=f"sqlite:///{directory}/study.db").trials


def test_the_default_comes_first_and_the_best_stays(tmp_path, capsys) -> None:
    space, out = write(tmp_path / "space.json", SPACE), tmp_path / "out"
    allennlp("tune", CONFIG, space, "-s", out, "--trials", 2, "-o", QUICK)
    assert "of 2:" in capsys.readouterr().out
    first, second = trials_of(out)
    assert first.params == {"trainer.optimizer.lr": 5e-5, "data_loader.batch_size": 32}
    metrics = json.loads((out / "trial_0" / "metrics.json").read_text())
    assert first.value == metrics["best_validation_accuracy"]
    archives = [path.parent.name for path in out.glob("trial_*/model.tar.gz")]
    best = max((first, second), key=lambda trial: trial.value)
    assert archives == [f"trial_{best.number}"]
    pictures = {path.name for path in out.glob("*.svg")}
    assert {"history.svg", "parallel_coordinate.svg"} <= pictures
    found = read_space(str(out / "best.jsonnet"), space).make_config({})
    assert found["trainer"]["optimizer"]["lr"] == best.params["trainer.optimizer.lr"]
    assert found["trainer"]["callbacks"] == []
    # More trials go on; another space is another study.
    allennlp("tune", CONFIG, space, "-s", out, "--trials", 3, "-o", QUICK)
    assert [trial.number for trial in trials_of(out)] == [0, 1, 2]
    other = write(tmp_path / "other.json", {"data_loader.batch_size": [8]})
    with pytest.raises(ConfigurationError, match="a study of another space"):
        allennlp("tune", CONFIG, other, "-s", out, "--trials", 3, "-o", QUICK)
    with pytest.raises(ConfigurationError, match="holds the study 'tune', and not 'mine'"):
        allennlp("tune", CONFIG, space, "-s", out, "--study-name", "mine", "-o", QUICK)


def test_killed_it_repeats_the_trial(tmp_path) -> None:
    space, out = write(tmp_path / "space.json", SPACE), tmp_path / "out"
    program = (
        "import os, signal, sys\n"
        "from allennlp.training import TrainerCallback\n"
        "from bert_classification.training.pruning import PruningCallback\n"
        "PruningCallback.on_epoch = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)\n"
        "from allennlp.commands import main\n"
        "main(prog='allennlp')\n"
    )
    arguments = ["tune", CONFIG, space, "-s", str(out), "--trials", "1", "-o", QUICK]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, env=environment
    )
    assert done.returncode == -signal.SIGKILL
    (killed,) = trials_of(out)
    assert killed.state == TrialState.RUNNING
    allennlp(*arguments)
    killed, again = trials_of(out)
    assert (killed.state, again.state) == (TrialState.FAIL, TrialState.COMPLETE)
    assert again.params == killed.params and again.params["trainer.optimizer.lr"] == 5e-5


def test_the_form_of_allennlp_optuna(tmp_path) -> None:
    inner = json.dumps(str(ROOT / CONFIG))
    config = write(
        tmp_path / "config.jsonnet",
        "local lr = std.parseJson(std.extVar('lr'));\n"
        "local size = std.parseInt(std.extVar('size'));\n"
        f"(import {inner}) + {{\n"
        "  data_loader: {batch_size: size},\n"
        "  trainer+: {num_epochs: 1, optimizer+: {lr: lr}, callbacks: [{type: 'optuna_pruner'}]},\n"
        "}\n",
    )
    parameters = [
        {"type": "float", "attributes": {"name": "lr", "low": 1e-5, "high": 1e-3, "log": True}},
        {"type": "int", "attributes": {"name": "size", "low": 16, "high": 32}},
    ]
    space = write(tmp_path / "hparams.json", parameters)
    pruner = {"type": "HyperbandPruner", "attributes": {"min_resource": 1, "reduction_factor": 5}}
    optuna_config = write(tmp_path / "optuna.json", {"pruner": pruner})
    options = ("--optuna-param-path", optuna_config, "--study-name", "tune", "--n-trials", 1)
    allennlp("tune", config, space, "--serialization-dir", tmp_path / "out", *options)
    (trial,) = trials_of(tmp_path / "out")
    used = json.loads((tmp_path / "out" / "trial_0" / "config.json").read_text())
    assert used["trainer"]["optimizer"]["lr"] == trial.params["lr"]
    assert used["trainer"]["callbacks"] == [{"type": "optuna_pruner"}]
    parameters[0]["attributes"]["name"] = "rl"
    write(tmp_path / "hparams.json", parameters)
    with pytest.raises(ConfigurationError, match=r"has no `std.extVar\('rl'\)`"):
        read_space(config, space)


def test_a_training_that_promises_little_ends(tmp_path) -> None:
    callback = TrainerCallback.by_name("optuna_pruner")(str(tmp_path))
    assert isinstance(callback, PruningCallback)
    callback.on_epoch(None, {}, 0)
    with pruned_by(lambda metrics, epoch: epoch == 1):
        callback.on_epoch(None, {}, 0)
        with pytest.raises(Pruned):
            callback.on_epoch(None, {}, 1)


@pytest.mark.parametrize(
    "space, match",
    [
        ({"trainer.optimizer.rl": [1, 2]}, r"no `trainer.optimizer.rl`; did you mean `trainer.opt"),
        ({"model.drop": {"low": 0, "high": 1}}, "did you mean `model.dropout`"),
        ({"trainer.num_epochs": {"low": 3}}, "`trainer.num_epochs`: expected"),
        ({"trainer.num_epochs": {"low": 3, "high": 1}}, "the lower first"),
        ({"trainer.optimizer.lr": {"low": 0.0, "high": 1.0, "log": True}}, "above 0 with `log`"),
        ([{"type": "flaot", "attributes": {"name": "lr"}}], "`type` is 'flaot'"),
        ([{"type": "float", "attributes": {"name": "lr"}}], "missing a required argument"),
        ([], "expected an object from keys to ranges"),
        ("{", "space.json"),
    ],
)
def test_spaces_that_are_refused(space, match, tmp_path) -> None:
    with pytest.raises(ConfigurationError, match=match):
        read_space(CONFIG, write(tmp_path / "space.json", space))


def test_what_else_is_refused(tmp_path) -> None:
    space, out = write(tmp_path / "space.json", SPACE), tmp_path / "out"
    no_validation = json.dumps({"validation_data_path": None})
    with pytest.raises(ConfigurationError, match="has no `validation_data_path`"):
        allennlp("tune", CONFIG, space, "-s", out, "-o", no_validation)
    out.mkdir()
    write(out / "study.db", "no database, but long enough to be taken for one" * 9)
    with pytest.raises(ConfigurationError, match="is no storage of Optuna"):
        allennlp("tune", CONFIG, space, "-s", out)
    assert not list(out.glob("trial_*"))
