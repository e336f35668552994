"""The callback `optuna_pruner`, by which `allennlp tune` ends trainings that promise little."""

from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Callable, Iterator, Optional

from allennlp.training import TrainerCallback

NAME = "optuna_pruner"

Judge = Callable[[dict[str, Any], int], bool]
_judge: ContextVar[Optional[Judge]] = ContextVar("judge", default=None)


class Pruned(Exception):
    """A training was ended, as its metrics promise less than those of others."""


@contextmanager
def pruned_by(judge: Judge) -> Iterator[None]:
    """Lets a function say, by the metrics of an epoch and its number, which trainings end."""
    token = _judge.set(judge)
    try:
        yield
    finally:
        _judge.reset(token)


class PruningCallback(TrainerCallback):
    """
    Ends a training within `allennlp tune` that promises little; elsewhere it does nothing. Configs
    of allennlp-optuna name it, and `tune` adds it to all others.

    # Parameters

    serialization_dir : `str`
        Given by the trainer.
    """

    def __init__(self, serialization_dir: str) -> None:
        super().__init__(serialization_dir)

    def on_epoch(
        self,
        trainer: Any,
        metrics: dict[str, Any],
        epoch: int,
        is_primary: bool = True,
        **kwargs: Any,
    ) -> None:
        judge = _judge.get()
        if judge is not None and judge(metrics, epoch):
            raise Pruned()
