"""Training in bfloat16 beside training in float32."""

import json

import pytest
import torch
from allennlp.common.checks import ConfigurationError

from bert_classification.training.bfloat16_trainer import BFloat16Trainer
from tests.support import TASKS, allennlp


def train(task, directory, **trainer) -> dict:
    overrides = {"trainer": {**trainer, "num_epochs": 1}}
    allennlp(
        "train", f"training_config/{task}.jsonnet", "-s", directory, "-o", json.dumps(overrides)
    )
    return json.loads((directory / "metrics.json").read_text())


@pytest.mark.parametrize("task", TASKS)
def test_the_loss_is_near_that_of_float32(task, tmp_path) -> None:
    full = train(task, tmp_path / "float32")
    ours = train(task, tmp_path / "bfloat16", type="bfloat16")
    assert ours.keys() == full.keys()
    assert ours["training_loss"] != full["training_loss"]
    assert ours["training_loss"] == pytest.approx(full["training_loss"], rel=0.02)
    assert ours["validation_loss"] == pytest.approx(full["validation_loss"], rel=0.02)
    weights = torch.load(tmp_path / "bfloat16/best.th")
    assert {each.dtype for each in weights.values() if each.is_floating_point()} == {torch.float32}


def test_float16_beside_it() -> None:
    with pytest.raises(ConfigurationError, match="take one out"):
        BFloat16Trainer(use_amp=True)
