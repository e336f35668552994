"""The state of all generators of random numbers that a training draws from."""

import random
from typing import Any

import numpy
import torch
from allennlp.training import TrainerCallback


def random_state() -> dict[str, Any]:
    """Gives the state of PyTorch's, NumPy's and Python's generators, in plain types."""
    numpys: Any = numpy.random.get_state()
    name, keys, *others = numpys
    return {
        "cpu": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all(),
        "numpy": (name, keys.tolist(), *others),
        "python": random.getstate(),
    }


def restore_random_state(state: dict[str, Any]) -> None:
    """Takes what `random_state` has given; states of older checkpoints have PyTorch's alone."""
    torch.set_rng_state(state["cpu"].cpu())
    if len(state["cuda"]) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all([each.cpu() for each in state["cuda"]])
    if "numpy" in state:
        numpy.random.set_state(state["numpy"])
        random.setstate(state["python"])


@TrainerCallback.register("random_state")
class RandomStateCallback(TrainerCallback):
    """
    Keeps the state of the generators in each checkpoint. Our trainers do so by themselves; this is
    for trainers of other packages, and for configs that name it.
    """

    def state_dict(self) -> dict[str, Any]:
        return random_state()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        restore_random_state(state_dict)
