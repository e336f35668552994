"""What `allennlp check-data` has found: counted, written as JSON lines, shown as a table."""

from collections import Counter
from typing import Any, Optional, Sequence

from rich.console import Console
from rich.table import Table

from bert_classification.commands.data_parts import Part
from bert_classification.commands.output import WholeLines
from bert_classification.data.checks import Finding
from bert_classification.data.json_values import dump_json, shorten

NOTES = ("cut text", "uneven labels", "unknown words")
"""What is worth knowing and may well be meant; all other findings are defects."""
KEPT, SHOWN = 20, 3
"""Of each kind: how many findings are kept, and how many the terminal shows."""
LABELS_SHOWN = 10


class Findings:
    """
    # Parameters

    lines : `WholeLines`, optional
        Where each finding is written as it comes.
    """

    def __init__(self, lines: Optional[WholeLines] = None) -> None:
        self._lines = lines
        self.counts: Counter[str] = Counter()
        self.first: dict[str, list[Finding]] = {}

    def add(self, finding: Finding) -> None:
        self.counts[finding.kind] += 1
        first = self.first.setdefault(finding.kind, [])
        if len(first) < KEPT:
            first.append(finding)
        if self._lines is not None:
            self._lines.write(dump_json(to_json(finding)) + "\n")

    @property
    def notes(self) -> int:
        return sum(self.counts[kind] for kind in NOTES)

    @property
    def defects(self) -> int:
        return self.counts.total() - self.notes

    def show(self, parts: Sequence[Part]) -> None:
        """Prints a table of the data and one of the findings."""
        console = Console(highlight=False, markup=False, soft_wrap=False)
        console.print(_table_of_parts(parts))
        if self.counts:
            console.print(self._table())
        console.print(f"{self.defects:,} defects, {self.notes:,} notes.")

    def _table(self) -> Table:
        table = Table(title="Findings", title_justify="left", show_lines=True)
        table.add_column("kind")
        table.add_column("count", justify="right")
        table.add_column(f"the first {SHOWN}", overflow="fold")
        for kind, count in sorted(self.counts.items(), key=lambda each: each[0] in NOTES):
            each = [
                f"{one.location}: {shorten(one.message, 300)}" for one in self.first[kind][:SHOWN]
            ]
            table.add_row(kind, f"{count:,}", "\n".join(each))
        return table


def to_json(finding: Finding) -> dict[str, Any]:
    """Makes a finding JSON: kind, file, line (null where a record has another name), message."""
    file, _, line = finding.location.rpartition(", line ")
    known = line.isdecimal()
    return {
        "kind": finding.kind,
        "file": file if known else finding.location.partition(", question ")[0],
        "line": int(line) if known else None,
        "location": finding.location,
        "message": finding.message,
    }


def _table_of_parts(parts: Sequence[Part]) -> Table:
    table = Table(title="Data", title_justify="left")
    for name in ("section", "rows", "unreadable", "labels", "word pieces", "cut", "[UNK]"):
        table.add_column(name, justify="left" if name in ("section", "labels") else "right")
    for part in parts:
        seen = part.summary()
        length, unknown = seen["length"], seen["unknown"]
        labels = part.labels.most_common(LABELS_SHOWN)
        more = [f"and {len(part.labels) - LABELS_SHOWN} more"] * (len(part.labels) > LABELS_SHOWN)
        table.add_row(
            part.name,
            f"{part.rows:,}",
            f"{part.refused:,}",
            "\n".join([f"{shorten(name)}: {count:,}" for name, count in labels] + more),
            f"median {length['median']}, longest {length['longest']}",
            f"{length['share_cut']:.1%}",
            f"{unknown['share']:.2%}",
        )
    return table
