"""Trainings in processes of their own that are killed, with SIGKILL, while they write a file."""

import json
import multiprocessing
import os
import resource
import signal
import sys
import traceback
from functools import partial
from pathlib import Path
from typing import Any, Optional

import torch
import torch.multiprocessing

from tests.support import ROOT, allennlp

FORK = multiprocessing.get_context("fork")

LIMIT = 300.0
"""Seconds after which a training is taken for one that hangs."""

VOLATILE = ("duration", "memory_MB")
"""What keys of metrics end in that differ between any two runs."""


def train(
    task: str,
    directory: Path,
    overrides: dict[str, Any],
    *flags: str,
    kill_at: int = 0,
    kill_after: Optional[float] = None,
    max_bytes: Optional[int] = None,
) -> int:
    """
    Trains a shipped config in another process, and gives how it ended.

    # Parameters

    kill_at : `int`, optional (default = `0`)
        At which of the files that take their place in the directory the process kills itself, just
        before; half of the file is written then. 0 for none.
    kill_after : `float`, optional
        After how many seconds the process is killed, with those that it has started.
    max_bytes : `int`, optional
        How large a file can get, as on a disk that is full.
    """
    arguments = (task, directory, overrides, flags, kill_at, max_bytes)
    process = FORK.Process(target=_train, args=arguments)
    process.start()
    process.join(LIMIT if kill_after is None else kill_after)
    if process.is_alive():
        # The process leads a group of its own.
        os.killpg(process.pid, signal.SIGKILL)
        process.join()
    assert process.exitcode is not None
    return process.exitcode


def _train(
    task: str,
    directory: Path,
    overrides: dict[str, Any],
    flags: tuple[str, ...],
    kill_at: int,
    max_bytes: Optional[int],
) -> None:
    os.setpgid(0, 0)
    sys.stdout = sys.stderr = open(f"{directory}.log", "a", buffering=1, encoding="utf-8")
    os.chdir(ROOT)
    if kill_at:
        _kill_before_replacement(directory, kill_at)
    # Spawned processes would import everything again.
    torch.multiprocessing.spawn = partial(  # type: ignore[assignment]
        torch.multiprocessing.start_processes, start_method="fork"
    )
    if max_bytes is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (max_bytes, max_bytes))
    config = ROOT / "training_config" / f"{task}.jsonnet"
    try:
        allennlp("train", config, "-s", directory, "-o", json.dumps(overrides), *flags)
    except Exception:
        traceback.print_exc()
        sys.exit(1)


def _kill_before_replacement(directory: Path, number: int) -> None:
    replace, left = os.replace, [number]

    def replace_or_die(source: Any, target: Any) -> None:
        if Path(target).parent == directory:
            left[0] -= 1
            if left[0] == 0:
                os.truncate(source, os.path.getsize(source) // 2)
                os.kill(os.getpid(), signal.SIGKILL)
        replace(source, target)

    os.replace = replace_or_die  # type: ignore[assignment]


def outcome(directory: Path) -> dict[str, Any]:
    """Reads what a training leaves, without what differs between any two runs."""
    metrics = json.loads((directory / "metrics.json").read_text())
    last = max(directory.glob("model_state_e*_b0.th"), key=lambda path: path.name)
    return {
        "metrics": {key: metrics[key] for key in metrics if not key.endswith(VOLATILE)},
        "best": torch.load(directory / "best.th"),
        "last": (last.name, torch.load(last)),
        "files": sorted(path.name for path in directory.iterdir() if path.suffix != ".damaged"),
    }


def difference(one: dict[str, Any], other: dict[str, Any]) -> Optional[str]:
    """Names the first thing in which two outcomes differ; numbers and weights must be equal."""
    for key in ("files", "metrics"):
        if one[key] != other[key]:
            return f"{key}: {one[key]} / {other[key]}"
    if one["last"][0] != other["last"][0]:
        return f"last: {one['last'][0]} / {other['last'][0]}"
    pairs = (("best", one["best"], other["best"]), ("last", one["last"][1], other["last"][1]))
    for name, weights, others in pairs:
        if weights.keys() != others.keys():
            return f"{name}: other names of weights"
        for key in weights:
            if not torch.equal(weights[key], others[key]):
                return f"{name}: {key}"
    return None
