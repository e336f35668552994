"""
What processes that train together tell each other. AllenNLP's metrics add up over all of them in
each call; here a process may take part without being counted, or compute alone.
"""

from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Iterator

import torch
import torch.distributed
from allennlp.common.util import is_distributed
from allennlp.nn import util as nn_util

_allennlps_dist_reduce = nn_util.dist_reduce
_counted = ContextVar("counted", default=True)
_alone = ContextVar("alone", default=False)


@contextmanager
def uncounted(holds: bool = True) -> Iterator[None]:
    """Lets this process add nothing to the sums over all processes, which it receives."""
    token = _counted.set(not holds)
    try:
        yield
    finally:
        _counted.reset(token)


@contextmanager
def alone() -> Iterator[None]:
    """Lets this process compute without the others, which may have ended."""
    token = _alone.set(True)
    try:
        yield
    finally:
        _alone.reset(token)


def dist_reduce(value: Any, reduce_op: Any) -> Any:
    """Takes the place of AllenNLP's function: the sum, or another reduction, over all processes."""
    if _alone.get():
        return value
    if not _counted.get() and reduce_op == torch.distributed.ReduceOp.SUM:
        value = value * 0
    return _allennlps_dist_reduce(value, reduce_op)


def of_all_processes(values: list) -> list:
    """Gathers the values of all processes that train together; of this one where it is alone."""
    if _alone.get() or not is_distributed():
        return values
    parts: list = [None] * torch.distributed.get_world_size()
    torch.distributed.all_gather_object(parts, values)
    return [value for part in parts for value in part]


class _Gather(torch.autograd.Function):
    """Rows of all processes, shape `(processes, *)`; their gradients add up over the processes."""

    @staticmethod
    def forward(ctx: Any, rows: torch.Tensor) -> torch.Tensor:
        parts = [torch.empty_like(rows) for _ in range(torch.distributed.get_world_size())]
        torch.distributed.all_gather(parts, rows.contiguous())
        return torch.stack(parts)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
        gradient = gradient.contiguous()
        torch.distributed.all_reduce(gradient)
        return gradient[torch.distributed.get_rank()]


def gather_rows(rows: torch.Tensor) -> tuple[torch.Tensor, int]:
    """
    Gathers the rows of all processes that train together, with their gradients; of this one where
    it is alone. Whoever has fewer rows than another adds rows of zeros.

    # Returns

    The rows, and at which of them those of this process begin.
    """
    if _alone.get() or not is_distributed():
        return rows, 0
    longest = torch.tensor(len(rows), device=rows.device)
    torch.distributed.all_reduce(longest, torch.distributed.ReduceOp.MAX)
    padded = rows.new_zeros(int(longest), *rows.shape[1:])
    padded = torch.cat([rows, padded[len(rows) :]])
    return _Gather.apply(padded).flatten(0, 1), torch.distributed.get_rank() * len(padded)
