"""One task by one side with one seed, and the file that keeps what was found."""

import json
import os
import tempfile
from pathlib import Path
from typing import Any, NamedTuple, Sequence

from benchmarks.quality import ours, plain
from benchmarks.quality.features import Example, Tokenizer
from benchmarks.quality.files import Amounts, Files
from benchmarks.quality.measures import Trained
from benchmarks.quality.tasks import Task

OURS, PLAIN = "ours", "plain"


class Data(NamedTuple):
    """What both sides work on, as each of them reads it."""

    files: Files
    tokenizer: Tokenizer
    train: list[Example]
    dev: list[Example]


def prepare(task: Task, data: Path, bert: str, directory: Path, amounts: Amounts) -> Data:
    """
    Writes the files and reads them.

    # Raises

    `ValueError` where the sides do not read the same word pieces.
    """
    files = task.write(data, directory, amounts)
    tokenizer = plain.load_tokenizer(bert)
    train, dev = (task.read(path, tokenizer) for path in files)
    settings = ours.make_config(task, bert, files, seed=0)
    for path, examples in zip(files, (train, dev)):
        check(path, ours.read(settings, path), [_ids(example) for example in examples])
    return Data(files, tokenizer, train, dev)


def _ids(example: Example) -> list[list[int]]:
    return [sequence["input_ids"] for sequence in example.sequences]


def check(path: Path, by_us: list, by_them: list) -> None:
    if len(by_us) != len(by_them):
        raise ValueError(f"{path}: {len(by_us)} examples by our reader, {len(by_them)} by theirs.")
    for number, (one, other) in enumerate(zip(by_us, by_them), 1):
        if one != other:
            raise ValueError(f"{path}, example {number}: our ids are {one}, theirs are {other}.")


def run_ours(task: Task, data: Data, bert: str, seed: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as name:
        settings = ours.make_config(task, bert, data.files, seed)
        archive, steps = ours.train(settings, Path(name))
        own = ours.metrics(archive)
        if task.answer is None or task.score is None:
            model = task.head.from_pretrained(ours.export(archive)).eval()
            scores = task.measure(Trained(model, data.tokenizer, task.collate), data.dev)
        else:
            predicted = [task.answer(output) for output in ours.predict(archive, data.files.dev)]
            scores = task.score(predicted, [example.gold for example in data.dev])
    return {"scores": scores, "steps": steps, "own": own}


def run_plain(task: Task, data: Data, bert: str, seed: int) -> dict[str, Any]:
    settings = task.settings(data.files.train)
    model, steps = plain.train(task, bert, data.tokenizer, data.train, seed, settings)
    scores = task.measure(Trained(model, data.tokenizer, task.collate), data.dev)
    return {"scores": scores, "steps": steps}


SIDES = {OURS: run_ours, PLAIN: run_plain}


class Results:
    """
    The runs so far, by task, side and seed, in a JSON file that is whole at any time.

    # Raises

    `ValueError` where the file has a run with other settings.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.runs: dict[str, dict[str, Any]] = {}
        if path.exists():
            self.runs = json.loads(path.read_text(encoding="utf-8"))

    def has(self, task: str, side: str, seed: int, settings: dict[str, Any]) -> bool:
        run = self.runs.get(_key(task, side, seed))
        if run is not None and run["settings"] != settings:
            raise ValueError(
                f"{self._path}: {_key(task, side, seed)} was run with {run['settings']}, and now "
                f"it is to be {settings}; name another file by `--results`."
            )
        return run is not None

    def add(self, task: str, side: str, seed: int, run: dict[str, Any]) -> None:
        self.runs[_key(task, side, seed)] = run
        aside = self._path.with_name(f"{self._path.name}.partial")
        aside.write_text(json.dumps(self.runs, indent=1) + "\n", encoding="utf-8")
        os.replace(aside, self._path)

    def of(self, task: str, side: str, seeds: Sequence[int]) -> dict[int, dict[str, Any]]:
        keys = {seed: _key(task, side, seed) for seed in seeds}
        return {seed: self.runs[key] for seed, key in keys.items() if key in self.runs}


def _key(task: str, side: str, seed: int) -> str:
    return f"{task}, {side}, seed {seed}"


def settings_of(task: Task, data: Data, amounts: Amounts) -> dict[str, Any]:
    """What a run depends on beside its seed, and what was counted of its data."""
    return {
        "amounts": list(amounts),
        "examples": [len(data.train), len(data.dev)],
        "pieces": [_count_pieces(data.train), _count_pieces(data.dev)],
        "epochs": task.epochs,
        "batch_size": task.batch_size,
        "learning_rate": task.learning_rate,
    }


def _count_pieces(examples: list[Example]) -> int:
    return sum(len(ids) for example in examples for ids in _ids(example))
