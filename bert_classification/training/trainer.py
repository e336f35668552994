"""Training that goes on with `--recover` as if it had not been interrupted."""

import logging
import os
from contextlib import contextmanager
from typing import Any, Iterator, Optional

import torch
import torch.distributed
from allennlp.common import Tqdm
from allennlp.common.checks import ConfigurationError
from allennlp.common.util import is_distributed
from allennlp.data import TensorDict
from allennlp.nn.util import dist_reduce_sum
from allennlp.training import GradientDescentTrainer
from allennlp.training import util as training_util
from allennlp.training.trainer import TrainerCheckpoint

from bert_classification.archives import serialization
from bert_classification.archives.whole_files import is_whole, save_whole
from bert_classification.data.data_loader import OrderedDataLoader
from bert_classification.training.checkpointer import BEST
from bert_classification.training.metric_states import (
    list_lengths,
    metric_states,
    restore_metric_states,
)
from bert_classification.training.processes import of_all_processes, uncounted
from bert_classification.training.progress import TrainingProgress
from bert_classification.training.random_state import random_state, restore_random_state
from bert_classification.training.schedule_end import keep_new_end, schedule_end
from bert_classification.training.validation import MeanLoss, reads_whole, share_batches

logger = logging.getLogger(__name__)


class RecoverableTrainer(GradientDescentTrainer):
    """
    AllenNLP's trainer `gradient_descent`, with the same settings, in its place. Its checkpoints
    hold what AllenNLP's lack: the states of all generators of random numbers and the order of the
    data, of each process, and what loss and metrics have counted. Validation by several processes
    is that of one; see `validation`.

    # Raises

    `ConfigurationError` where `--recover` finds nothing to go on from and the model has no weights.
    """

    _serialization_dir: str

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._progress = TrainingProgress(self._serialization_dir)
        self._callbacks.append(self._progress)
        # Of this process, until the batch at which the training goes on.
        self._to_restore: Optional[dict[str, Any]] = None

    def get_checkpoint_state(self) -> Optional[TrainerCheckpoint]:
        self._progress.processes = of_all_processes([self._process_state()])
        return super().get_checkpoint_state()

    def _process_state(self) -> dict[str, Any]:
        return {
            "random": random_state(),
            "orders": [_order(loader) for loader in self._loaders()],
            "metrics": metric_states(self.model),
            "loss": self._progress.loss,
            "reg_loss": self._progress.reg_loss,
            "total_batches": self._total_batches_completed,
        }

    def _loaders(self) -> list[Any]:
        return [self.data_loader, self._validation_data_loader]

    def _maybe_restore_checkpoint(self) -> None:
        end = schedule_end(self._learning_rate_scheduler)
        super()._maybe_restore_checkpoint()
        if self._start_after_epochs_completed or self._start_after_batches_in_epoch_completed:
            keep_new_end(self._learning_rate_scheduler, end)
            self._restore_process(self._progress.process_state(_rank()))
            self._restore_best()
        elif serialization.has_weights(self._serialization_dir):
            raise ConfigurationError(
                f"{self._serialization_dir} has checkpoints, so the model was built without "
                "weights, and none could be read. Train again into another directory."
            )

    def _restore_process(self, state: Optional[dict[str, Any]]) -> None:
        self._to_restore = state
        if state is None:
            logger.warning("The checkpoint is AllenNLP's own: random states are not in it.")
            return
        self._progress.loss, self._progress.reg_loss = state["loss"], state["reg_loss"]
        for loader, order in zip(self._loaders(), state["orders"]):
            if order is not None and isinstance(loader, OrderedDataLoader):
                # The training data is read over again up to the checkpoint; its epochs count.
                loader.restore_order(order, started=loader is not self.data_loader)

    def _restore_best(self) -> None:
        """Writes `best.th` again where a kill may have come between a checkpoint and it."""
        if not self._start_after_epochs_completed:
            return
        self._best_model_filename = os.path.join(self._serialization_dir, BEST)
        at_end = self._start_after_batches_in_epoch_completed == 0
        if at_end and self._metric_tracker.is_best_so_far() and self._primary:
            with self._use_averaged_weights():
                self._save_model_state(self._best_model_filename)
        if self._distributed:
            torch.distributed.barrier()

    def _restore_at_batch(self) -> None:
        """Restores what reading the batches over again has changed, where the training goes on."""
        state, self._to_restore = self._to_restore, None
        if state is not None:
            restore_random_state(state["random"])
            restore_metric_states(self.model, state["metrics"])
            self._total_batches_completed = state["total_batches"]

    def batch_outputs(self, batch: TensorDict, for_training: bool) -> dict[str, torch.Tensor]:
        self._restore_at_batch()
        return super().batch_outputs(batch, for_training)

    def _train_epoch(self, epoch: int) -> dict[str, float]:
        skipped = self._epochs_completed < self._start_after_epochs_completed
        first = self._epochs_completed == self._start_after_epochs_completed
        within = first and self._start_after_batches_in_epoch_completed > 0
        if first and not within:
            self._restore_at_batch()
        metrics = super()._train_epoch(epoch)
        if within and not skipped:
            self._restore_at_batch()
            self._complete(metrics)
        return metrics

    def _complete(self, metrics: dict[str, float]) -> None:
        """
        Completes the metrics of an epoch that was interrupted; AllenNLP has the loss of its rest,
        and no metrics at all where no batch was left.
        """
        batches = dist_reduce_sum(self._batches_in_epoch_completed)
        if "loss" not in metrics:
            metrics.update(self.model.get_metrics(reset=True))
        metrics["loss"] = dist_reduce_sum(self._progress.loss) / batches
        if self.model.get_regularization_penalty() is not None:
            metrics["reg_loss"] = dist_reduce_sum(self._progress.reg_loss) / batches

    def _validation_loss(self, epoch: int) -> tuple[float, Optional[float], int]:
        """Computes the sum of the losses of this process's instances, and their number."""
        if self._distributed and not reads_whole(self._validation_data_loader):
            return super()._validation_loss(epoch)  # type: ignore[return-value]
        logger.info("Validating")
        self._pytorch_model.eval()
        with self._use_averaged_weights():
            mean = self._validate(epoch)
        reg_loss = None if self.model.get_regularization_penalty() is None else 0.0
        return mean.total, reg_loss, mean.instances

    def _validate(self, epoch: int) -> MeanLoss:
        mean = MeanLoss()
        world_size = self._world_size if self._distributed else 1
        assert self._validation_data_loader is not None
        shares = share_batches(self._validation_data_loader, _rank(), world_size)
        bar = Tqdm.tqdm(shares, disable=not self._primary)
        for number, (batch, counts) in enumerate(bar, 1):
            output = self._validation_output(batch, counts)
            metrics = self.model.get_metrics()
            if not counts:
                continue
            mean.add(batch, output)
            metrics = mean.replace_in(metrics)
            bar.set_description(training_util.description_from_metrics(metrics), refresh=False)
            for callback in self._callbacks:
                callback.on_batch(
                    self,
                    [batch],
                    [output],
                    metrics,
                    epoch,
                    number,
                    is_training=False,
                    is_primary=self._primary,
                )
        return mean

    def _validation_output(self, batch: TensorDict, counts: bool) -> dict[str, torch.Tensor]:
        lengths = [] if counts else list_lengths(self.model)
        with uncounted(not counts), torch.autocast("cuda", enabled=self._use_amp):
            output = self.batch_outputs(batch, for_training=False)
        for collected, length in lengths:
            del collected[length:]
        return output

    def _try_train(self) -> tuple[dict[str, Any], int]:
        if not self._is_over():
            return super()._try_train()
        logger.info("The training was over; nothing is left but to keep its result.")
        self._restore_at_batch()
        if self._metric_tracker.is_best_so_far():
            self._finalize_model()
        else:
            self._load_model_state(self._best_model_filename)  # type: ignore[arg-type]
        return self._progress.metrics, self._start_after_epochs_completed - 1

    def _is_over(self) -> bool:
        """Whether the checkpoint is of the last epoch, or of that at which patience ran out."""
        if self._start_after_epochs_completed >= self._num_epochs:
            return True
        at_end = self._start_after_batches_in_epoch_completed == 0
        return at_end and self._metric_tracker.should_stop_early()

    def _save_model_state(self, path: str) -> None:
        model = self.model if self._ddp_wrapped_model is None else self._ddp_wrapped_model
        save_whole(model.state_dict(), path)

    def _load_model_state(self, path: str) -> None:
        if not is_whole(path):
            raise ConfigurationError(
                f"{path} is damaged: its checksums are wrong. `--recover` goes on from the last "
                "checkpoint when it is put back."
            )
        super()._load_model_state(path)

    @contextmanager
    def _use_averaged_weights(self) -> Iterator[None]:
        """Lets the model have the moving averages of its weights, where there are any."""
        if self._moving_average is None:
            yield
            return
        self._moving_average.assign_average_value()
        try:
            yield
        finally:
            self._moving_average.restore()


def _rank() -> int:
    return torch.distributed.get_rank() if is_distributed() else 0


def _order(loader: Any) -> Optional[tuple[int, int, int]]:
    return loader.order() if isinstance(loader, OrderedDataLoader) else None
