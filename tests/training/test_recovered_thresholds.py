"""Thresholds are tuned after an epoch of which no batch was left when its training went on."""

import signal
from typing import Any

import pytest
import torch

from bert_classification.classification.objectives import make_objective
from tests.classification.support import MULTI
from tests.training.killing import difference, outcome, train
from tests.training.test_recovery import WITHIN

TUNED: dict[str, Any] = {
    **WITHIN,
    "dataset_reader.problem_type": MULTI,
    "dataset_reader.label_delimiter": ",",
    "model.problem_type": MULTI,
    "model.tune_threshold": "per_label",
    "trainer.validation_metric": "-loss",
    "test_data_path": "fixtures/classification/train.jsonl",
    "evaluate_on_test": True,
}
BEFORE_METRICS_OF_EPOCH_0 = 8
"""After `config.json` and three checkpoints of two files each."""


def test_killed_between_the_last_batch_and_its_metrics(tmp_path) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert train("classification", whole, TUNED) == 0
    kill_at = BEFORE_METRICS_OF_EPOCH_0
    assert train("classification", killed, TUNED, kill_at=kill_at) == -signal.SIGKILL
    assert [path.name for path in killed.glob("metrics_epoch_*.json")] == []
    assert max(path.name for path in killed.glob("model_state_e*.th")) == "model_state_e0_b3.th"
    # One epoch: the metrics of the recovered one are those of the end.
    assert train("classification", killed, TUNED, "--recover") == 0
    assert difference(outcome(whole), outcome(killed)) is None
    assert not outcome(whole)["best"]["objective.thresholds"].equal(
        make_objective(MULTI, ["a", "b", "c"], [], {}).thresholds
    )


@pytest.mark.parametrize("again", [False, True])
def test_only_the_first_evaluation_after_training_tunes(again) -> None:
    """The one of the test data, at the end, does not."""
    probs, gold = torch.tensor([[0.3, 0.9], [0.1, 0.6]]), torch.tensor([[1, 1], [0, 0]])
    objective = make_objective(MULTI, ["a", "b"], [], {"tune_threshold": "per_label"})
    thresholds = []
    for is_gold in (gold, 1 - gold):
        if again or not thresholds:
            objective.train()
        objective.eval().update(probs.logit(), is_gold)
        objective.metrics(reset=True)
        thresholds.append(objective.thresholds.tolist())
    assert (thresholds[0] == thresholds[1]) is not again
