"""`huggingface_adamw` and `transformers.AdamW` beside PyTorch's and the BERT of 2018."""

import copy
from typing import Any

import pytest
import torch
from allennlp.common import Params
from allennlp.training.optimizers import Optimizer

SETTINGS = {"type": "huggingface_adamw", "lr": 0.01, "weight_decay": 0.1}
NO_DECAY_FOR_BIAS = [[["bias"], {"weight_decay": 0.0}]]


def make_optimizer(model: torch.nn.Module, **settings: Any) -> Any:
    params = Params(copy.deepcopy({**SETTINGS, **settings}))
    return Optimizer.from_params(params, model_parameters=list(model.named_parameters()))


def take_steps(model: torch.nn.Module, optimizer: Any, count: int = 3) -> None:
    batch = torch.linspace(-1, 1, 20).reshape(4, 5)
    for _ in range(count):
        optimizer.zero_grad()
        model(batch).square().sum().backward()
        optimizer.step()


def twins() -> tuple[torch.nn.Linear, torch.nn.Linear]:
    torch.manual_seed(0)
    model = torch.nn.Linear(5, 3)
    return model, copy.deepcopy(model)


def assert_equal(ours: torch.nn.Linear, theirs: torch.nn.Linear) -> None:
    assert torch.allclose(ours.weight, theirs.weight, atol=1e-6)
    assert torch.allclose(ours.bias, theirs.bias, atol=1e-6)


@pytest.mark.parametrize("groups", [None, NO_DECAY_FOR_BIAS])
def test_fused_adamw_gives_the_numbers_of_pytorchs(groups) -> None:
    ours, theirs = twins()
    fused = make_optimizer(ours, **({"parameter_groups": groups} if groups else {}))
    assert fused.defaults["fused"]
    bias = {"params": [theirs.bias], **({"weight_decay": 0.0} if groups else {})}
    plain = torch.optim.AdamW(
        [{"params": [theirs.weight]}, bias], lr=0.01, weight_decay=0.1, eps=1e-8, foreach=False
    )
    take_steps(ours, fused)
    take_steps(theirs, plain)
    assert_equal(ours, theirs)


class BertAdam(torch.optim.Optimizer):
    """The update of `optimization.py` in google-research/bert, word for word."""

    def __init__(self, parameters) -> None:
        super().__init__(parameters, {"lr": 0.01, "weight_decay": 0.1})

    @torch.no_grad()
    def step(self) -> None:
        for group in self.param_groups:
            for parameter in group["params"]:
                m, v = self.state.get(parameter, (torch.zeros(1), torch.zeros(1)))
                m = 0.9 * m + 0.1 * parameter.grad
                v = 0.999 * v + 0.001 * parameter.grad**2
                self.state[parameter] = m, v
                update = m / (v.sqrt() + 1e-8) + group["weight_decay"] * parameter
                parameter -= group["lr"] * update


@pytest.mark.parametrize("fused", [True, False])
def test_without_bias_correction_it_is_the_optimizer_of_bert(fused) -> None:
    ours, theirs = twins()
    optimizer = make_optimizer(ours, correct_bias=False)
    optimizer.param_groups[0]["fused"] = fused
    take_steps(ours, optimizer)
    take_steps(theirs, BertAdam(theirs.parameters()))
    assert_equal(ours, theirs)


def test_a_group_decides_for_itself() -> None:
    ours, theirs = twins()
    groups = [[["bias"], {"correct_bias": False}]]
    take_steps(ours, make_optimizer(ours, parameter_groups=groups), count=1)
    take_steps(theirs, make_optimizer(theirs), count=1)
    assert torch.equal(ours.weight, theirs.weight)
    assert not torch.allclose(ours.bias, theirs.bias, atol=1e-3)


def test_a_saved_state_goes_on_without_bias_correction() -> None:
    ours, theirs = twins()
    first = make_optimizer(ours, correct_bias=False)
    take_steps(ours, first, count=2)
    second = make_optimizer(ours, correct_bias=False)
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    take_steps(ours, second, count=2)
    take_steps(theirs, make_optimizer(theirs, correct_bias=False), count=4)
    assert_equal(ours, theirs)


def test_a_state_of_transformers_4_goes_on() -> None:
    ours, theirs = twins()
    reference = BertAdam(theirs.parameters())
    take_steps(theirs, reference, count=2)
    ours.load_state_dict(theirs.state_dict())
    optimizer = make_optimizer(ours, correct_bias=False)
    moments = [reference.state[parameter] for parameter in theirs.parameters()]
    state = {i: {"step": 2, "exp_avg": m, "exp_avg_sq": v} for i, (m, v) in enumerate(moments)}
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict(copy.deepcopy({"state": state, "param_groups": groups}))
    take_steps(ours, optimizer)
    take_steps(theirs, reference)
    assert_equal(ours, theirs)


def test_others_import_it_with_the_defaults_it_had() -> None:
    from transformers import AdamW
    from transformers.optimization import AdamW as same

    assert AdamW is same
    model, _ = twins()
    defaults = AdamW(model.parameters(), no_deprecation_warning=True).defaults
    assert (defaults["lr"], defaults["eps"], defaults["weight_decay"]) == (1e-3, 1e-6, 0.0)
    with pytest.raises(ValueError, match="empty parameter list"):
        AdamW([])


def test_a_closure_is_called_with_gradients() -> None:
    ours, theirs = twins()
    optimizer = make_optimizer(ours, correct_bias=False)

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = ours(torch.linspace(-1, 1, 20).reshape(4, 5)).square().sum()
        loss.backward()
        return loss

    assert optimizer.step(closure) > 0
    take_steps(theirs, BertAdam(theirs.parameters()), count=1)
    assert_equal(ours, theirs)
