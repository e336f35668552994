"""The table of the means of all runs."""

import statistics
from typing import Sequence

from benchmarks.quality.runs import OURS, PLAIN, Results
from benchmarks.quality.tasks import Task

HEADER = """\
| task, data | examples | epochs, batch, learning rate | measure | ours | plain loop | seeds | |
|---|---|---|---|---|---|---|---|"""


def row(name: str, task: Task, results: Results, seeds: Sequence[int]) -> str:
    """
    Writes the line of a task, of the seeds that both sides have run.

    # Raises

    `ValueError` where one side took more steps than the other.
    """
    sides = [results.of(name, side, seeds) for side in (OURS, PLAIN)]
    both = [seed for seed in seeds if all(seed in side for side in sides)]
    if not both:
        return f"| {name}, {task.data} | | | {task.metric} | | | 0 | |"
    for seed in both:
        steps = [side[seed]["steps"] for side in sides]
        if len(set(steps)) > 1:
            raise ValueError(f"{name}, seed {seed}: {' and '.join(map(str, steps))} steps.")
    values = [[side[seed]["scores"][task.metric] for seed in both] for side in sides]
    settings = sides[0][both[0]]["settings"]
    trained, measured = settings["examples"]
    cells = [
        f"{name}, {task.data}",
        f"{trained:,}, {measured:,}",
        f"{task.epochs}, {task.batch_size}, {task.learning_rate:g}",
        task.metric,
        *map(figures, values),
        str(len(both)),
        verdict(*values, task.lower_is_better),
    ]
    return f"| {' | '.join(cells)} |"


def figures(values: Sequence[float]) -> str:
    if len(values) == 1:
        return figure(values[0])
    return f"{figure(statistics.mean(values))} ({figure(min(values))} to {figure(max(values))})"


def figure(value: float) -> str:
    return f"{value:.3f}" if value < 1 else f"{value:,.1f}"


def verdict(ours: Sequence[float], plain: Sequence[float], lower_is_better: bool) -> str:
    """Tells whether the ranges of the sides meet, and if not, which one is better."""
    if len(ours) == 1:
        return "one seed, no spread"
    if min(ours) <= max(plain) and min(plain) <= max(ours):
        return "equal within the spread"
    above = min(ours) > max(plain)
    return "ours is better" if above != lower_is_better else "**ours is worse**"
