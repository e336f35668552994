"""
Several sides that do the same work, taking turns in one run, and the table of their ratios.

Each round lets every side work once, in the order of the contest and in the next round backwards,
so that a machine that grows slower during the run is unfair to none. What counts is the ratio
within a round, and of all rounds the median.
"""

import gc
import os
import statistics
import time
from typing import Any, Callable, NamedTuple, Optional, Sequence

Work = Callable[[], Any]
Measure = Callable[[Work], float]
Costs = dict[str, list[float]]
"""For each side what its work has cost in each round."""


def seconds(work: Work) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def processor_seconds(work: Work) -> float:
    """Counts all threads and processes that have ended; for a machine that others use as well."""
    start = sum(os.times()[:4])
    work()
    return sum(os.times()[:4]) - start


class Row(NamedTuple):
    """One of our sides against a peer. Without a target the row is for information."""

    ours: str
    peer: str
    target: Optional[float] = None
    """The least ratio, cost of the peer to our cost."""


class Contest(NamedTuple):
    """
    # Parameters

    work : `str`
        What is done.
    sides : `dict[str, Callable[[], Work]]`
        By name, what prepares the work of a side, outside the measurement.
    rows : `list[Row]`
        Which sides are set against each other.
    check : `Work`
        Raises when the sides do not do the same; it also warms them up.
    figure : `Callable[[float], str]`
        A cost in words.
    measure : `Callable[[Work], float]`, optional
        The cost of the work; by default its time, by the clock of the run.
    """

    work: str
    sides: dict[str, Callable[[], Work]]
    rows: list[Row]
    check: Work
    figure: Callable[[float], str]
    measure: Optional[Measure] = None


def per_second(amount: int, unit: str) -> Callable[[float], str]:
    return lambda cost: f"{amount / cost:,.0f} {unit}/s"


def compare(
    contest: Contest,
    rounds: int,
    clock: Measure = seconds,
    tell: Callable[[str], None] = print,
) -> Costs:
    """Checks the sides against each other and lets them take turns."""
    tell(f"{contest.work}: {'; '.join(contest.sides)}")
    contest.check()
    measure = contest.measure or clock
    costs: Costs = {name: [] for name in contest.sides}
    for index in range(rounds):
        names = list(contest.sides)
        for name in reversed(names) if index % 2 else names:
            work = contest.sides[name]()
            gc.collect()
            costs[name].append(measure(work))
            tell(f"  round {index + 1} of {rounds}: {name} {contest.figure(costs[name][-1])}")
    return costs


HEADER = """\
| work | ours | against | ratio (lowest to highest) | at least | |
|---|---|---|---|---|---|"""


def table_rows(contest: Contest, costs: Costs) -> list[str]:
    """Writes for each row of a contest a line of Markdown, below `HEADER`."""
    return [_line(contest, row, costs[row.ours], costs[row.peer]) for row in contest.rows]


def _line(contest: Contest, row: Row, ours: Sequence[float], peer: Sequence[float]) -> str:
    ratios = [theirs / own for own, theirs in zip(ours, peer)]
    ratio = statistics.median(ratios)
    medians = [contest.figure(statistics.median(costs)) for costs in (ours, peer)]
    target, verdict = "", "for information"
    if row.target is not None:
        target, verdict = f"{row.target:.2f}", "met" if ratio >= row.target else "**missed**"
    spread = f"{ratio:.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
    return (
        f"| {contest.work} | {row.ours}: {medians[0]} | {row.peer}: {medians[1]} "
        f"| {spread} | {target} | {verdict} |"
    )
