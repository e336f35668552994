"""
Validation by several processes that is that of one: each reads all records and computes a share of
the batches, so that the batches are the same ones, and each is counted once. AllenNLP shares out
records and drops the last batches of whoever has more. The loss is the mean over instances, in
training as in `evaluate`; AllenNLP's is that over batches, of which the last may be small.
"""

import copy
import inspect
import os
from functools import wraps
from itertools import islice
from typing import Any, Callable, Iterable, Iterator, Optional, Union

import torch
from allennlp.common.util import dump_metrics, is_distributed, lazy_groups_of
from allennlp.data import DataLoader, DatasetReader, TensorDict
from allennlp.evaluation import SimpleEvaluator
from allennlp.models import Model

from bert_classification.training.processes import alone


class MeanLoss:
    """The mean of the losses of batches, by the numbers of their instances."""

    def __init__(self) -> None:
        self.total = 0.0
        self.instances = 0

    def add(self, batch: TensorDict, output: dict[str, Any]) -> None:
        """Counts a batch, where the model gives it a loss."""
        if output.get("loss") is not None:
            size = num_instances(batch)
            self.total += output["loss"].item() * size
            self.instances += size

    def add_call(self, model: Any, args: Any, batch: TensorDict, output: dict[str, Any]) -> None:
        """Counts a batch that a model was called with, as a hook of PyTorch's."""
        self.add(batch, output)

    def replace_in(self, metrics: dict[str, Any]) -> dict[str, Any]:
        """Gives metrics in which this is the loss, where there is one."""
        return {**metrics, "loss": self.total / self.instances} if self.instances else metrics


def num_instances(batch: Any) -> int:
    """Tells the size of a batch: of the first dimension of its tensors, or its lists."""
    if isinstance(batch, dict):
        return next(filter(None, map(num_instances, batch.values())), 0)
    if isinstance(batch, torch.Tensor):
        return len(batch) if batch.dim() else 0
    return len(batch) if isinstance(batch, (list, tuple)) else 0


def share_batches(
    batches: Iterable[TensorDict], rank: int, world_size: int
) -> Iterator[tuple[TensorDict, bool]]:
    """
    Yields a batch for this process of each group of as many as there are processes, and whether it
    counts. In the last group there may be too few: who has none repeats the first, uncounted, since
    metrics wait for all processes in each call.
    """
    for group in lazy_groups_of(batches, world_size):
        counts = rank < len(group)
        yield group[rank if counts else 0], counts


def with_whole_validation(construct: Callable[..., Any]) -> Callable[..., Any]:
    """Wraps AllenNLP's constructor of a training: all processes read all of the validation data."""

    @wraps(construct)
    def wrapper(cls: type, *args: Any, **kwargs: Any) -> Any:
        reader = kwargs.get("validation_dataset_reader") or kwargs.get("dataset_reader")
        if is_distributed() and reader is not None:
            kwargs["validation_dataset_reader"] = _read_whole(reader)
        return construct(cls, *args, **kwargs)

    return wrapper


def _read_whole(reader: DatasetReader) -> DatasetReader:
    """Makes the same reader, for which this is the only process."""
    has_inner = type(reader)._set_distributed_info is not DatasetReader._set_distributed_info
    reader = copy.deepcopy(reader) if has_inner else copy.copy(reader)
    reader._set_distributed_info(None)
    return reader


def shard_iterable(reader: DatasetReader, iterable: Iterable[Any]) -> Iterator[Any]:
    """
    Gives this process's share of what a reader reads, and of it this data worker's. AllenNLP's asks
    whether there are other processes, and not whether the reader shares with them.
    """
    share = iter(iterable)
    distributed, worker = reader.get_distributed_info(), reader.get_worker_info()
    if distributed is not None:
        share = islice(share, distributed.global_rank, None, distributed.world_size)
    if worker is not None:
        share = islice(share, worker.id, None, worker.num_workers)
    return share


def reads_whole(loader: Any) -> bool:
    """Whether the batches of a loader are those of all records, in each process."""
    reader = getattr(loader, "reader", None)
    return reader is not None and getattr(reader, "_distributed_info", loader) is None


def with_mean_loss(evaluate: Callable[..., Any]) -> Callable[..., Any]:
    """
    Wraps AllenNLP's evaluation of a model after training, which runs in the first process alone:
    the loss becomes the mean over instances, unless batches have weights of their own.
    """
    signature = inspect.signature(evaluate)

    @wraps(evaluate)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        bound = signature.bind(*args, **kwargs)
        output_file = bound.arguments.pop("output_file", None)
        weighted = bound.arguments.get("batch_weight_key")
        with alone():
            metrics, mean = _observe(
                bound.arguments["model"], lambda: evaluate(*bound.args, **bound.kwargs)
            )
        if not weighted:
            metrics = mean.replace_in(metrics)
        dump_metrics(output_file, metrics, log=output_file is not None)
        return metrics

    return wrapper


def _observe(model: torch.nn.Module, run: Callable[[], Any]) -> tuple[Any, MeanLoss]:
    mean = MeanLoss()
    hook = model.register_forward_hook(mean.add_call, with_kwargs=True)
    try:
        return run(), mean
    finally:
        hook.remove()


class MeanLossEvaluator(SimpleEvaluator):
    """
    AllenNLP's evaluator `simple`, with its parameters, in its place. The loss is the mean over
    instances, unless batches have weights of their own.
    """

    def __call__(  # type: ignore[override]
        self,
        model: Model,
        data_loader: DataLoader,
        batch_weight_key: Optional[str] = None,
        metrics_output_file: Optional[Union[str, os.PathLike]] = None,
        predictions_output_file: Optional[Union[str, os.PathLike]] = None,
    ) -> dict[str, Any]:
        evaluate: Any = super().__call__
        metrics, mean = _observe(
            model,
            lambda: evaluate(
                model,
                data_loader,
                batch_weight_key,
                predictions_output_file=predictions_output_file,
            ),
        )
        if not batch_weight_key:
            metrics = mean.replace_in(metrics)
        if metrics_output_file is not None:
            dump_metrics(str(metrics_output_file), metrics, log=True)
        return metrics
