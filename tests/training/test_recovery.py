"""Trainings that are killed, or whose disk is full or damages a file, go on as if they were not."""

import json
import shutil
import signal
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from allennlp.common.checks import ConfigurationError
from allennlp.models.archival import load_archive

from tests.support import ROOT, allennlp
from tests.training.killing import difference, outcome, train

EPOCHS: dict[str, Any] = {
    "trainer.num_epochs": 2,
    "trainer.optimizer.lr": 1e-3,
    "data_loader.batch_size": 64,
}
WITHIN = {**EPOCHS, "trainer.checkpointer": {"save_every_num_batches": 1}}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A training that nothing has disturbed."""
    directory = tmp_path_factory.mktemp("undisturbed") / "out"
    assert train("classification", directory, EPOCHS) == 0
    return directory


@pytest.fixture
def copy(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "out"))


def damage(path: Path) -> None:
    """Flips 64 bytes in the middle, where the tensors are."""
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 64] = bytes(byte ^ 255 for byte in content[middle : middle + 64])
    # The best weights may be another name of the same file.
    path.unlink()
    path.write_bytes(content)


def shorten(path: Path) -> None:
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content[: len(content) // 2])


def equals(directory: Path, whole: Path) -> bool:
    assert train("classification", directory, EPOCHS, "--recover") == 0
    assert difference(outcome(whole), outcome(directory)) is None
    archived = load_archive(directory / "model.tar.gz").model.state_dict()
    return all(archived[key].equal(value) for key, value in outcome(whole)["best"].items())


@pytest.mark.parametrize("task", ["classification", "pretraining"])
def test_killed_at_one_file_after_the_other(task, tmp_path) -> None:
    undisturbed, killed = tmp_path / "undisturbed", tmp_path / "killed"
    assert train(task, undisturbed, WITHIN) == 0
    assert train(task, killed, WITHIN, kill_at=3) == -signal.SIGKILL
    # Each time it gets one file further than what it writes again.
    for kill_at in count(4):
        ended = train(task, killed, WITHIN, "--recover", kill_at=kill_at)
        if ended == 0:
            break
        assert ended == -signal.SIGKILL, Path(f"{killed}.log").read_text()[-3000:]
    assert kill_at > 5
    assert difference(outcome(undisturbed), outcome(killed)) is None


LAZY = {"batch_size": 64, "num_workers": 2, "max_instances_in_memory": 64, "shuffle": True}


@pytest.mark.parametrize(
    "others",
    [
        {"trainer.moving_average": {"type": "exponential", "decay": 0.9}},
        {"data_loader": LAZY, "trainer.learning_rate_scheduler": None},
        {"distributed": {"cuda_devices": [-1, -1]}},
    ],
)
def test_killed_within_the_second_epoch(others, tmp_path) -> None:
    overrides = {**WITHIN, **others}
    if "data_loader" in others:
        del overrides["data_loader.batch_size"]
    undisturbed, killed = tmp_path / "undisturbed", tmp_path / "killed"
    assert train("classification", undisturbed, overrides) == 0
    # Two processes have half as many batches each, and less to write.
    train("classification", killed, overrides, kill_at=12 if "distributed" in others else 15)
    assert not (killed / "metrics_epoch_1.json").exists()
    assert train("classification", killed, overrides, "--recover") == 0
    assert difference(outcome(undisturbed), outcome(killed)) is None


@pytest.mark.parametrize("kill_at", [1, 5])
def test_killed_in_the_first_epoch(kill_at, whole, tmp_path) -> None:
    """At the config, and at the best weights, which come after their checkpoint."""
    assert train("classification", tmp_path / "out", EPOCHS, kill_at=kill_at) == -signal.SIGKILL
    assert not (tmp_path / "out/best.th").exists()
    assert equals(tmp_path / "out", whole)


@pytest.mark.parametrize("hurt", [damage, shorten])
@pytest.mark.parametrize("name", ["model_state_e2_b0.th", "training_state_e2_b0.th"])
def test_a_damaged_checkpoint_is_passed_over(copy, whole, hurt, name) -> None:
    hurt(copy / name)
    assert equals(copy, whole)
    assert (copy / f"{name}.damaged").exists()
    log = Path(f"{copy}.log").read_text()
    assert f"{name} is damaged: its checksums are wrong" in log
    assert "goes on from" in log and "model_state_e1_b0.th" in log


def test_best_weights_without_a_checkpoint(copy, whole) -> None:
    """Without one the model has the weights that the config names, not random ones."""
    for path in copy.glob("*_state_*.th"):
        path.unlink()
    assert equals(copy, whole)
    assert "starts from its beginning" in Path(f"{copy}.log").read_text()


def test_best_weights_that_are_lost(tmp_path) -> None:
    """An epoch that was not the best one does not have them."""
    overrides = {**EPOCHS, "trainer.num_epochs": 3, "trainer.validation_metric": "+loss"}
    directory = tmp_path / "out"
    assert train("classification", directory, overrides) == 0
    best = outcome(directory)["metrics"]["best_epoch"]
    assert best == 0
    damage(directory / "best.th")
    assert train("classification", directory, overrides, "--recover") == 1
    assert "best.th is missing or damaged" in Path(f"{directory}.log").read_text()


def test_a_full_disk(whole, tmp_path) -> None:
    directory = tmp_path / "out"
    size = (whole / "training_state_e1_b0.th").stat().st_size
    assert train("classification", directory, EPOCHS, max_bytes=size // 2) == 1
    assert not list(directory.glob("*.partial"))
    assert "what was there before is unchanged" in Path(f"{directory}.log").read_text()
    config = (directory / "config.json").read_text()
    assert train("classification", directory, EPOCHS, "--recover", max_bytes=100) == 1
    assert (directory / "config.json").read_text() == config
    assert equals(directory, whole)


class TestMoreEpochs:
    def test_they_are_those_of_a_longer_training(self, tmp_path) -> None:
        steady = {**EPOCHS, "trainer.learning_rate_scheduler": None}
        longer, grown = tmp_path / "longer", tmp_path / "grown"
        assert train("classification", longer, steady) == 0
        assert train("classification", grown, {**steady, "trainer.num_epochs": 1}) == 0
        assert train("classification", grown, steady, "--recover") == 0
        assert difference(outcome(longer), outcome(grown)) is None

    @pytest.mark.parametrize(
        "scheduler",
        [{"type": "slanted_triangular"}, {"type": "linear_with_warmup", "warmup_steps": 1}],
    )
    def test_a_schedule_takes_the_new_end(self, scheduler, tmp_path) -> None:
        overrides = {**EPOCHS, "trainer.learning_rate_scheduler": scheduler}
        directory = tmp_path / "out"
        assert train("classification", directory, {**overrides, "trainer.num_epochs": 1}) == 0
        assert train("classification", directory, overrides, "--recover") == 0
        log = Path(f"{directory}.log").read_text()
        assert "The learning rate hangs on the end of the training" in log
        assert outcome(directory)["metrics"]["epoch"] == 1

    def test_patience_that_ran_out_stays_so(self, tmp_path) -> None:
        still = {"trainer.optimizer.lr": 0.0, "data_loader.batch_size": 64}
        directory = tmp_path / "out"
        assert train("classification", directory, {**still, "trainer.num_epochs": 8}) == 0
        before = outcome(directory)
        assert before["metrics"]["epoch"] == 2
        assert (
            train("classification", directory, {**still, "trainer.num_epochs": 9}, "--recover") == 0
        )
        assert difference(before, outcome(directory)) is None


def test_another_config_is_refused_key_by_key(copy) -> None:
    overrides = {**EPOCHS, "trainer.num_epochs": 1, "trainer.patience": 5, "random_seed": 7}
    config = ROOT / "training_config" / "classification.jsonnet"
    with pytest.raises(ConfigurationError) as refusal:
        allennlp("train", config, "-s", copy, "-o", json.dumps(overrides), "--recover")
    for line in (
        "- `trainer.num_epochs` was 2 and is 1",
        "- `trainer.patience` was 2 and is 5",
        "- `random_seed` was 'nothing' and is 7",
    ):
        assert line in str(refusal.value)


@pytest.mark.parametrize("flags", [(), ("--recover",)])
def test_directories_that_are_not_those_of_a_training(flags, tmp_path) -> None:
    (tmp_path / "notes.txt").write_text("Mine.")
    config = ROOT / "training_config" / "classification.jsonnet"
    with pytest.raises(ConfigurationError, match=r"is not empty|has no config\.json"):
        allennlp("train", config, "-s", tmp_path, *flags)
    with pytest.raises(ConfigurationError, match="there is no directory"):
        allennlp("train", config, "-s", tmp_path / "missing", "--recover")
