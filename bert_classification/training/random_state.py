from typing import Any

import torch
from allennlp.training import TrainerCallback


@TrainerCallback.register("random_state")
class RandomStateCallback(TrainerCallback):
    """
    Keeps the state of PyTorch's generators in each checkpoint, so that a training that goes on with
    `--recover` draws the masks and the dropout that it would have drawn uninterrupted.
    """

    def state_dict(self) -> dict[str, Any]:
        return {"cpu": torch.get_rng_state(), "cuda": torch.cuda.get_rng_state_all()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        torch.set_rng_state(state_dict["cpu"].cpu())
        if len(state_dict["cuda"]) == torch.cuda.device_count():
            torch.cuda.set_rng_state_all([state.cpu() for state in state_dict["cuda"]])
