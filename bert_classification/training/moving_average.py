"""Moving averages of weights that a training goes on with."""

from typing import Any

from allennlp.training.moving_average import MovingAverage


def load_averages(moving_average: MovingAverage, state_dict: dict[str, Any]) -> None:
    """
    Takes the averages of a checkpoint. AllenNLP's `load_state_dict` takes the weights that lie
    there beside them, too, and from then on averages those in the place of the model's.
    """
    for name, shadow in state_dict["shadows"].items():
        moving_average._shadows[name].copy_(shadow)
    for name, backup in state_dict["backups"].items():
        moving_average._backups[name].copy_(backup)
