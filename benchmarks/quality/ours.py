"""Our side: the `allennlp` commands on a shipped config."""

import copy
import io
import json
import logging
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from allennlp.commands import main
from allennlp.common import Params
from allennlp.data import DatasetReader, Instance
from allennlp.data.fields import ListField

from benchmarks.checkpoints import config
from benchmarks.quality.files import Files
from benchmarks.quality.tasks import Task


def make_config(task: Task, bert: str, files: Files, seed: int) -> dict[str, Any]:
    """
    Fills in the shipped config. Nothing is validated in training, as the best epoch would be taken
    then, which the plain side does not do; at the end our own metrics are.
    """
    overrides = {
        "test_data_path": str(files.dev),
        "evaluate_on_test": True,
        "data_loader__batch_size": task.batch_size,
        "trainer__num_epochs": task.epochs,
        "trainer__optimizer__lr": task.learning_rate,
        "trainer__checkpointer": {"keep_most_recent_by_count": 1},
        "random_seed": seed,
        "numpy_seed": seed,
        "pytorch_seed": seed,
        **task.overrides,
    }
    if (names := "dataset_reader__label_names") in overrides:
        overrides[names] = str(files.train.with_name(overrides[names]))
    return config(task.config, bert, str(files.train), **overrides)


def read(settings: dict[str, Any], path: Path) -> list[list[list[int]]]:
    """Reads the ids of each example's sequences, as our training does."""
    reader = DatasetReader.from_params(Params(copy.deepcopy(settings["dataset_reader"])))
    return [sequences(instance) for instance in reader.read(str(path))]


def sequences(instance: Instance) -> list[list[int]]:
    tokens = instance["tokens"]
    fields = tokens.field_list if isinstance(tokens, ListField) else [tokens]
    return [field.ids.tolist() for field in fields]  # type: ignore[attr-defined]


def train(settings: dict[str, Any], directory: Path) -> tuple[Path, int]:
    """Gives the archive, and how many steps the optimizer took."""
    path = directory / "config.json"
    path.write_text(json.dumps(settings))
    allennlp("train", path, "-s", directory / "ours")
    (state,) = (directory / "ours").glob("training_state_*.th")
    optimizer = torch.load(state, weights_only=False)["optimizer"]["state"]
    steps = {int(weight["step"]) for weight in optimizer.values()}
    return directory / "ours/model.tar.gz", max(steps)


def metrics(archive: Path) -> dict[str, float]:
    """Reads what our training has measured at its end, over all labels."""
    found = json.loads(archive.with_name("metrics.json").read_text())
    names = [key for key in found if key.startswith("test_") and "/" not in key]
    return {name.removeprefix("test_"): found[name] for name in names}


def predict(archive: Path, path: Path) -> list[dict[str, Any]]:
    output = archive.with_name("predictions.jsonl")
    options = ("--use-dataset-reader", "--batch-size", "64", "--silent")
    allennlp("predict", archive, path, "--output-file", output, *options)
    return [json.loads(line) for line in output.read_text(encoding="utf-8").splitlines()]


def export(archive: Path) -> str:
    directory = archive.with_name("exported")
    allennlp("export-hf", archive, directory)
    return str(directory)


def allennlp(*arguments: Any) -> None:
    """Runs a command in this process, which has imported everything already."""
    output = io.StringIO()
    argv = ["allennlp", *map(str, arguments)]
    handlers, level = logging.root.handlers[:], logging.root.level
    try:
        with mock.patch.object(sys, "argv", argv), redirect_stdout(output), redirect_stderr(output):
            main(prog="allennlp")
    except SystemExit as end:
        if end.code:
            raise RuntimeError(f"{' '.join(argv)}: {output.getvalue()[-3000:]}") from end
    finally:
        # AllenNLP's write to the output, which is over.
        logging.root.handlers[:] = handlers
        logging.root.setLevel(level)
