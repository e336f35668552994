"""Schedules that hang on the end of a training, when it goes on with more epochs."""

import logging
from typing import Any

logger = logging.getLogger(__name__)

ENDS = ("num_epochs", "total_steps")
"""What AllenNLP's schedules call their end, which they take from `trainer.num_epochs`."""


def schedule_end(scheduler: Any) -> dict[str, int]:
    """Gives where a schedule ends, by its own names; nothing for one that has no end."""
    return {name: vars(scheduler)[name] for name in ENDS if name in vars(scheduler or object)}


def keep_new_end(scheduler: Any, end: dict[str, int]) -> None:
    """Lets a schedule that took the state of a checkpoint end where the config says today."""
    for name, value in end.items():
        old = getattr(scheduler, name)
        if old != value:
            logger.warning(
                "The learning rate hangs on the end of the training: `%s` of %s was %d and is %d. "
                "It goes on as a training of that length has it from here, so the weights will not "
                "be those of one that had that length from its beginning.",
                name,
                type(scheduler).__name__,
                old,
                value,
            )
            setattr(scheduler, name, value)
