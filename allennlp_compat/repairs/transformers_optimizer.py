"""The optimizer that transformers dropped."""

import sys
from typing import Any, Iterator

from allennlp_compat.hook import USERS_OF_TRANSFORMERS, repair
from allennlp_compat.repairs.transformers_names import set_missing


@repair(*USERS_OF_TRANSFORMERS)
def adamw_of_transformers() -> Iterator[None]:
    """
    Stands in for `transformers.AdamW`, which left with version 4.50; `huggingface_adamw` is built
    on it, and others import it.
    """
    import transformers.optimization

    set_missing("AdamW", _make_adamw)
    transformers.optimization.AdamW = sys.modules["transformers"].AdamW
    yield


def _make_adamw() -> type:
    import torch

    class AdamW(torch.optim.AdamW):
        """
        PyTorch's AdamW under the parameters of transformers'. A group whose `correct_bias` is
        false, as in the BERT of 2018, is one that begins at a step where there is no bias left.
        """

        def __init__(
            self,
            params,
            lr: float = 1e-3,
            betas: tuple[float, float] = (0.9, 0.999),
            eps: float = 1e-6,
            weight_decay: float = 0.0,
            correct_bias: bool = True,
            no_deprecation_warning: bool = False,
        ) -> None:
            groups = _groups_of(params, correct_bias)
            # One pass over all parameters instead of one for each; the numbers are the same.
            fused = all(_may_be_fused(each) for group in groups for each in group["params"])
            super().__init__(groups, lr, betas, eps, weight_decay, fused=fused)

        def step(self, closure=None):
            with torch.enable_grad():
                loss = None if closure is None else closure()
            for group in self.param_groups:
                if not group.get("correct_bias", True):
                    for parameter in group["params"]:
                        _begin_without_bias(parameter, self.state, group.get("fused"))
            super().step()
            return loss

    return AdamW


_STEPS_WITHOUT_BIAS = 1e7
"""By then `1 - beta ** step` is 1 for every beta in use; in float32 the count still goes on."""


def _groups_of(params, correct_bias: bool) -> list[dict[str, Any]]:
    params = list(params)
    if not params:
        return params  # PyTorch refuses it
    groups = params if isinstance(params[0], dict) else [{"params": params}]
    groups = [{**group, "params": _as_list(group["params"])} for group in groups]
    return [{"correct_bias": correct_bias, **group} for group in groups]


def _as_list(params) -> list:
    return [params] if hasattr(params, "grad") else list(params)


def _may_be_fused(parameter) -> bool:
    return parameter.is_floating_point() and parameter.device.type in ("cpu", "cuda")


def _begin_without_bias(parameter, states, fused: bool | None) -> None:
    import torch

    if parameter.grad is None:
        return
    state = states[parameter]
    if not state:
        device = parameter.device if fused else "cpu"
        state["step"] = torch.zeros((), dtype=torch.float32, device=device)
        for name in ("exp_avg", "exp_avg_sq"):
            state[name] = torch.zeros_like(parameter, memory_format=torch.preserve_format)
    if "offset" not in state:
        # Also for states that were saved before: their count begins at one.
        state["step"] = state["step"] + _STEPS_WITHOUT_BIAS
        state["offset"] = True
