"""The checkpoints in a directory of training: pairs of files, complete when both are there."""

import re
from pathlib import Path
from typing import Iterator, NamedTuple, Union

import torch

from bert_classification.archives.whole_files import is_whole

MODEL, TRAINING = "model_state", "training_state"


class CheckpointFiles(NamedTuple):
    """
    epochs, batches : `int`
        How many epochs were done, and how many batches of the next one; so they sort by age.
    model, training : `Path`
    """

    epochs: int
    batches: int
    model: Path
    training: Path

    def damaged(self) -> list[Path]:
        """Lists those of the two files that are not whole."""
        return [path for path in (self.model, self.training) if not is_whole(path)]


def find_checkpoints(directory: Union[str, Path]) -> list[CheckpointFiles]:
    """Lists the complete pairs in a directory, the newest first; they may be damaged."""
    return sorted(_pairs(Path(directory)), reverse=True)


def _pairs(directory: Path) -> Iterator[CheckpointFiles]:
    for model in directory.glob(f"{MODEL}_e*_b*.th"):
        numbers = re.fullmatch(rf"{MODEL}_e(\d+)_b(\d+)\.th", model.name)
        if numbers is not None:
            training = model.with_name(model.name.replace(MODEL, TRAINING, 1))
            if training.is_file():
                yield CheckpointFiles(int(numbers[1]), int(numbers[2]), model, training)


def has_whole_checkpoint(directory: Union[str, Path]) -> bool:
    """Whether there is a checkpoint from which a training can go on."""
    return any(not files.damaged() for files in find_checkpoints(directory))


def read_state(path: Path) -> dict:
    """Reads a file of a checkpoint onto the CPU; nothing in it is ever executed."""
    return torch.load(path, map_location="cpu", weights_only=True)
