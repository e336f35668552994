"""Several processes validate as one does, and as `evaluate` does."""

import json

import pytest
import torch
from allennlp.common import Params

from bert_classification.training.validation import MeanLoss, num_instances, share_batches
from tests.support import FIXTURES, TASKS, allennlp
from tests.training.killing import outcome, train

TWO_PROCESSES = {"distributed": {"cuda_devices": [-1, -1]}}


def validation(metrics: dict) -> dict:
    return {
        key.removeprefix("validation_"): value
        for key, value in metrics.items()
        if key.startswith("validation_")
    }


@pytest.mark.parametrize("batch_size", [7, 1000])
@pytest.mark.parametrize("task", ["classification", "token_classification", "question_answering"])
def test_two_processes_validate_as_evaluate_does(task, batch_size, tmp_path) -> None:
    """With an odd number of batches, and with one, that one of them has for itself."""
    overrides = {
        "trainer.num_epochs": 1,
        "validation_data_loader": {"batch_size": batch_size},
        **TWO_PROCESSES,
    }
    assert train(task, tmp_path / "out", overrides) == 0
    data = Params.from_file(f"training_config/{task}.jsonnet")["validation_data_path"]
    output = tmp_path / "evaluated.json"
    allennlp("evaluate", tmp_path / "out/model.tar.gz", data, "--output-file", output)
    evaluated = json.loads(output.read_text())
    assert validation(outcome(tmp_path / "out")["metrics"]) == pytest.approx(evaluated, rel=1e-6)


@pytest.mark.parametrize("task", TASKS)
def test_one_process_validates_as_evaluate_does(task, archive_of, tmp_path) -> None:
    archive = archive_of(task)
    metrics = json.loads((archive.parent / "metrics.json").read_text())
    data = Params.from_file(f"training_config/{task}.jsonnet")["validation_data_path"]
    output = tmp_path / "evaluated.json"
    loader = json.dumps({"validation_data_loader": {"batch_size": 64}})
    allennlp("evaluate", archive, data, "--output-file", output, "-o", loader)
    evaluated = json.loads(output.read_text())
    expected = validation(metrics)
    # Losses that are means over pieces depend on which texts are in a batch.
    loose = evaluated.pop("loss"), expected.pop("loss")
    assert loose[0] == pytest.approx(loose[1], rel=0.02)
    assert evaluated == pytest.approx(expected, rel=1e-4)


def test_the_test_set_is_evaluated_whole_by_the_first_process(tmp_path) -> None:
    data = str(FIXTURES / "classification/dev.jsonl")
    overrides = {
        "trainer.num_epochs": 1,
        "validation_data_loader": {"batch_size": 7},
        "test_data_path": data,
        "evaluate_on_test": True,
        **TWO_PROCESSES,
    }
    assert train("classification", tmp_path / "out", overrides) == 0
    metrics = outcome(tmp_path / "out")["metrics"]
    tested = {key[5:]: value for key, value in metrics.items() if key.startswith("test_")}
    assert tested == pytest.approx(validation(metrics), rel=1e-6)


def test_the_loss_is_the_mean_over_instances() -> None:
    mean = MeanLoss()
    mean.add({"label": torch.zeros(3)}, {"loss": torch.tensor(1.0)})
    mean.add({"label": torch.zeros(1)}, {"loss": torch.tensor(5.0)})
    mean.add({"label": torch.zeros(9)}, {})
    assert mean.replace_in({"accuracy": 1.0}) == {"accuracy": 1.0, "loss": 2.0}
    assert MeanLoss().replace_in({"accuracy": 1.0}) == {"accuracy": 1.0}


def test_the_size_of_a_batch() -> None:
    assert num_instances({"tokens": {"bert": {"input_ids": torch.zeros(5, 2)}}}) == 5
    assert num_instances({"metadata": [{}, {}], "tokens": {"bert": {}}}) == 2
    assert num_instances({"scale": torch.tensor(1.0), "label": torch.zeros(4)}) == 4
    assert num_instances({}) == 0


@pytest.mark.parametrize("batches", [0, 1, 2, 3, 7])
@pytest.mark.parametrize("world_size", [1, 2, 3, 5])
def test_each_batch_counts_once_and_all_compute_as_many(batches, world_size) -> None:
    shares = [list(share_batches(range(batches), i, world_size)) for i in range(world_size)]
    counted = [batch for share in shares for batch, counts in share if counts]
    assert sorted(counted) == list(range(batches))
    assert len({len(share) for share in shares}) == 1
