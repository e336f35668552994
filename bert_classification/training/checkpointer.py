"""Checkpoints that a kill, a full disk or flipped bytes do not take away."""

import logging
import os
from pathlib import Path
from typing import Any, NamedTuple, Optional

from allennlp.common.checks import ConfigurationError
from allennlp.training import Checkpointer
from allennlp.training.trainer import TrainerCheckpoint

from bert_classification.archives.checkpoints import (
    MODEL,
    TRAINING,
    CheckpointFiles,
    find_checkpoints,
    read_state,
)
from bert_classification.archives.whole_files import PARTIAL, is_whole, save_whole

logger = logging.getLogger(__name__)

BEST = "best.th"
DAMAGED = ".damaged"
"""What the name of a file ends in that is passed over from now on."""


class WholeCheckpointer(Checkpointer):
    """
    AllenNLP's checkpointer, with its parameters, in its place. Each file is written aside and
    renamed when it is on the disk, the model's last, so that a pair of files is complete as soon as
    it is there. `--recover` takes the newest pair whose checksums are right.
    """

    def maybe_save_checkpoint(
        self, trainer: Any, num_epochs_completed: int, num_batches_in_epoch_completed: int
    ) -> bool:
        """
        Saves a checkpoint where it is time to. It always gives false: at true AllenNLP's trainer
        removes `best.th` and makes it another name of the checkpoint's file, and a kill in between
        leaves none; at false it writes one.
        """
        if super().maybe_save_checkpoint(
            trainer, num_epochs_completed, num_batches_in_epoch_completed
        ):
            self._count_from(num_epochs_completed, num_batches_in_epoch_completed)
        return False

    def _count_from(self, epochs: int, batches: int) -> None:
        """Counts batches from here on, in all processes, which have to save at once."""
        self._last_save_num_epochs_completed = epochs
        self._last_save_num_batches_in_epoch_completed = batches

    def save_checkpoint(self, trainer: Any) -> None:
        state = trainer.get_checkpoint_state()
        if state is not None and not self.state_is_sharded:
            epochs = state.trainer_state["epochs_completed"]
            batches = state.trainer_state["batches_in_epoch_completed"]
            save_whole(state.trainer_state, self._training_state_path(epochs, batches))
            save_whole(state.model_state, self._model_state_path(epochs, batches))
        # It finds both files written, and does the rest.
        super().save_checkpoint(_Taken(state))  # type: ignore[arg-type]

    def _find_all_checkpoints(self) -> set[tuple[int, int]]:
        if self.state_is_sharded:
            return super()._find_all_checkpoints()
        found = find_checkpoints(self._serialization_dir)
        return {(files.epochs, files.batches) for files in found}

    def _remove_checkpoint(self, epochs_completed: int, batches_in_epoch_completed: int) -> None:
        """Removes these files alone; in AllenNLP's pattern `b1` stands for `b10`, too."""
        if self.state_is_sharded:
            return super()._remove_checkpoint(epochs_completed, batches_in_epoch_completed)
        for path in (self._model_state_path, self._training_state_path):
            os.remove(path(epochs_completed, batches_in_epoch_completed))

    def load_checkpoint(self) -> Optional[TrainerCheckpoint]:
        """
        Reads the newest checkpoint that is whole.

        # Raises

        `ConfigurationError` when there is one, but the weights of the best epoch are gone.
        """
        if self.state_is_sharded:
            return super().load_checkpoint()
        if self._is_primary:
            self._remove_leftovers()
        refused = []
        for files in find_checkpoints(self._serialization_dir):
            if self._passes_over(files):
                continue
            state = TrainerCheckpoint(read_state(files.model), read_state(files.training))
            if self._has_best(state.trainer_state):
                logger.info("The training goes on from %s.", files.model)
                self._count_from(files.epochs, files.batches)
                return state
            refused.append(files.model.name)
        if refused:
            raise ConfigurationError(
                f"{self._serialization_dir}: {BEST} is missing or damaged, and "
                f"{', '.join(refused)} does not have the weights of the best epoch. Put it back, "
                "or train again into another directory."
            )
        if Path(self._serialization_dir, BEST).exists():
            logger.warning(
                "%s has no checkpoint that is whole: the training starts from its beginning, with "
                "the weights that the config names.",
                self._serialization_dir,
            )
        return None

    def _passes_over(self, files: CheckpointFiles) -> bool:
        damaged = files.damaged()
        for path in damaged:
            logger.warning(
                "%s is damaged: its checksums are wrong. It is set aside as %s, and the checkpoint "
                "before it is tried.",
                path,
                path.name + DAMAGED,
            )
            if self._is_primary:
                path.replace(path.with_name(path.name + DAMAGED))
        return bool(damaged)

    def _has_best(self, state: dict[str, Any]) -> bool:
        """Whether the best weights until then can be had: there are none, these, or `best.th`."""
        if state["epochs_completed"] == 0 or is_best(state):
            return True
        return is_whole(Path(self._serialization_dir, BEST))

    def _remove_leftovers(self) -> None:
        """Removes what a kill has left of files that were written, and halves of pairs."""
        directory = Path(self._serialization_dir)
        for path in directory.glob(f"*{PARTIAL}"):
            path.unlink()
        for training in directory.glob(f"{TRAINING}_e*_b*.th"):
            if not training.with_name(training.name.replace(TRAINING, MODEL, 1)).exists():
                training.unlink()


def is_best(state: dict[str, Any]) -> bool:
    """Whether a checkpoint is of the end of an epoch, and that epoch is the best one."""
    at_end = state["epochs_completed"] > 0 and state["batches_in_epoch_completed"] == 0
    return at_end and state["metric_tracker"]["is_best_so_far"]


class _Taken(NamedTuple):
    """A state that is asked for once, since all processes take part in it."""

    state: Optional[TrainerCheckpoint]

    def get_checkpoint_state(self) -> Optional[TrainerCheckpoint]:
        return self.state
