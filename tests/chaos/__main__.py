"""
Kills trainings of all shipped configs at random, by one process and by two, lets `--recover` go on,
and compares what is left with an undisturbed run: files, metrics, and weights bit by bit. It prints
a line for each training, and ends with 1 when one differs. Run it from the repository's root:

    python -m tests.chaos --kills 3 --tasks classification pretraining
"""

import argparse
import random
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Optional

from tests.support import ROOT
from tests.training.killing import difference, outcome, train

OVERRIDES: dict[str, Any] = {
    "trainer.optimizer.lr": 1e-3,
    "trainer.checkpointer": {"save_every_num_batches": 2},
}
TWO_PROCESSES = {"distributed": {"cuda_devices": [-1, -1]}}

TASKS = sorted(path.stem for path in (ROOT / "training_config").glob("*.jsonnet"))


def main() -> int:
    options = _parse()
    draws = random.Random(options.seed)
    rows = []
    print(f"{'task':<26}{'processes':<11}{'kills':<7}{'recoveries':<12}equal", flush=True)
    for task in options.tasks:
        for processes in options.processes:
            rows.append(_try(task, processes, options.kills, draws))
    print(f"{sum(rows)} of {len(rows)} equal")
    return 0 if all(rows) else 1


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", nargs="+", default=TASKS, choices=TASKS)
    parser.add_argument("--processes", nargs="+", type=int, default=[1, 2], choices=[1, 2])
    parser.add_argument("--kills", type=int, default=3, help="of each training")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def _try(task: str, processes: int, kills: int, draws: random.Random) -> bool:
    overrides = {**OVERRIDES, **(TWO_PROCESSES if processes == 2 else {})}
    with tempfile.TemporaryDirectory() as directory:
        whole, killed = Path(directory, "whole"), Path(directory, "killed")
        started = time.monotonic()
        if train(task, whole, overrides) != 0:
            raise RuntimeError(Path(f"{whole}.log").read_text()[-3000:])
        seconds = time.monotonic() - started
        done, recoveries = _train_with_kills(task, killed, overrides, kills, seconds, draws)
        differs: Optional[str] = difference(outcome(whole), outcome(killed))
    equal = "yes" if differs is None else f"no: {differs[:200]}"
    print(f"{task:<26}{processes:<11}{done:<7}{recoveries:<12}{equal}", flush=True)
    return differs is None


def _train_with_kills(
    task: str,
    directory: Path,
    overrides: dict[str, Any],
    kills: int,
    seconds: float,
    draws: random.Random,
) -> tuple[int, int]:
    """Trains until the end; of the first attempts each is killed after a random time."""
    done = 0
    for attempt in range(kills + 1):
        # Before there is a directory there is nothing to go on with.
        flags = ("--recover",) if directory.exists() else ()
        after = draws.uniform(0.1, 1.0) * seconds if attempt < kills else None
        exitcode = train(task, directory, overrides, *flags, kill_after=after)
        done += exitcode == -signal.SIGKILL
        if exitcode not in (0, -signal.SIGKILL):
            raise RuntimeError(Path(f"{directory}.log").read_text()[-3000:])
    return done, attempt


if __name__ == "__main__":
    sys.exit(main())
