"""Scores as a table on the terminal."""

from rich import box
from rich.console import Console
from rich.table import Table

from bert_classification.evaluation.bootstrap import Interval
from bert_classification.evaluation.page import show


def print_scores(title: str, found: dict[str, Interval], most: int = 40) -> None:
    """Prints each score with its interval; those of single labels too, as far as there is room."""
    print(title)
    table = Table(box=box.SIMPLE)
    table.add_column("")
    for name in ("score", "95 %"):
        table.add_column(name, justify="right")
    names = [name for name in found if "/" not in name]
    f1 = [name for name in found if name.startswith("f1/")]
    for name in [*names, *f1[: max(0, most - len(names))]]:
        each = found[name]
        table.add_row(name, show(each.value), f"{each.low:.3f} to {each.high:.3f}")
    Console().print(table)
