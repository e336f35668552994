import random

import numpy
import pytest
import torch
from allennlp.training.metrics import CategoricalAccuracy, FBetaMeasure

from bert_classification.question_answering.squad_scores import SquadScores
from bert_classification.training.collected_metric import CollectedMetric
from bert_classification.training.metric_states import (
    find_metrics,
    list_lengths,
    metric_states,
    restore_metric_states,
)
from bert_classification.training.random_state import random_state, restore_random_state


def accuracies(predictions: list, gold: list) -> dict[str, float]:
    return {"equal": float(numpy.mean([numpy.equal(*pair) for pair in zip(predictions, gold)]))}


class Model(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = torch.nn.Linear(2, 2)
        self.accuracy = CategoricalAccuracy()
        self.others = {"f1": FBetaMeasure(), "same": self.accuracy}
        self.head = torch.nn.Module()
        self.head.collected = CollectedMetric(accuracies)
        self.head.squad = [SquadScores()]

    def count(self, seed: int) -> None:
        generator = torch.Generator().manual_seed(seed)
        logits = torch.rand(6, 3, generator=generator)
        label = torch.randint(3, (6,), generator=generator)
        self.accuracy(logits, label)
        self.others["f1"](logits, label)
        self.head.collected(list(logits.argmax(-1).numpy()), list(label.numpy()))
        self.head.squad[0](["a", ""], ["a", "b"], [-1.0, 1.0], [["a"], []])

    def metrics(self) -> list:
        return [metric.get_metric(reset=True) for metric in find_metrics(self).values()]


def test_metrics_are_found_wherever_a_model_holds_them() -> None:
    assert len(find_metrics(Model())) == 4


def test_another_model_goes_on_counting(tmp_path) -> None:
    whole, first, second = Model(), Model(), Model()
    for seed in (1, 2, 3):
        whole.count(seed)
    first.count(1)
    first.count(2)
    torch.save(metric_states(first), tmp_path / "states.th")
    first.count(7)
    states = torch.load(tmp_path / "states.th", weights_only=True)
    restore_metric_states(second, states)
    second.count(3)
    assert second.metrics() == whole.metrics()


def test_what_is_collected_can_be_taken_back() -> None:
    model = Model()
    model.count(1)
    before = list_lengths(model)
    assert sum(length for _, length in before) == 6 + 6 + 1
    model.count(2)
    assert [len(each) for each, _ in before] == [2 * length for _, length in before]


@pytest.mark.parametrize("older", [False, True])
def test_random_states_survive_a_file(tmp_path, older) -> None:
    state = random_state()
    if older:
        del state["numpy"], state["python"]
    torch.save(state, tmp_path / "state.th")
    expected = torch.rand(3).tolist(), numpy.random.rand(3).tolist(), random.random()
    restore_random_state(torch.load(tmp_path / "state.th", weights_only=True))
    drawn = torch.rand(3).tolist(), numpy.random.rand(3).tolist(), random.random()
    assert drawn[0] == expected[0]
    assert (drawn == expected) is not older
