"""What `allennlp check-data` has found, as one file of HTML."""

import os
from typing import Any, Iterator

from bert_classification.commands.findings import NOTES, Findings
from bert_classification.evaluation.page import (
    Paragraph,
    Section,
    Table,
    Text,
    Texts,
    write_page,
)
from bert_classification.evaluation.pictures import bars


def write_data_page(path: str, config: str, summary: dict[str, Any], findings: Findings) -> None:
    """Writes the page."""
    title = f"The data of {os.path.basename(config)}"
    rows = sum(part["rows"] for part in summary.values())
    subtitle = f"{rows:,} rows, {findings.defects:,} defects"
    sections = [Section("Findings", list(_findings(findings)))]
    sections += [Section(name, list(_section(name, part))) for name, part in summary.items()]
    write_page(path, title, subtitle, sections)


def _findings(findings: Findings) -> Iterator[Any]:
    if not findings.counts:
        yield Paragraph("Nothing was found.")
        return
    kinds = sorted(findings.counts, key=lambda kind: kind in NOTES)
    rows = [(kind, findings.counts[kind], "note" if kind in NOTES else "defect") for kind in kinds]
    yield Table("What was found", ("kind", "count", ""), rows, "All of them: findings.jsonl")
    for kind in kinds:
        first = [Text("", [("", each.message)], each.location) for each in findings.first[kind]]
        yield Texts(kind, first, note=f"The first of {findings.counts[kind]:,}.")


def _section(name: str, part: dict[str, Any]) -> Iterator[Any]:
    length, labels = part["length"], part["labels"]
    yield Table(
        "Rows",
        ("", ""),
        [
            ("path", str(part["path"])),
            ("rows", part["rows"]),
            ("unreadable", part["unreadable"]),
            ("mean length in word pieces", length["mean"]),
            ("longest", length["longest"]),
            ("max_pieces", length["max_pieces"]),
            ("cut", f"{length['share_cut']:.2%}"),
            ("[UNK]", f"{part['unknown']['share']:.2%} of all word pieces"),
        ],
    )
    if labels:
        weights = part.get("class_weights", {})
        header = ("label", "count", *(["class weight"] if weights else []))
        yield Table(
            "Labels",
            header,
            [(label, count, *_of(weights, label)) for label, count in labels.items()],
        )
    bins = length["histogram"]
    yield bars(
        f"lengths-{name}",
        "Rows by their number of word pieces",
        [f"{each['from']}" for each in bins],
        [each["rows"] for each in bins],
        "word pieces, from",
        "rows",
    )
    if part["unknown"]["words"]:
        words = list(part["unknown"]["words"].items())
        yield Table("Words that became [UNK]", ("word", "times"), words)


def _of(weights: dict[str, float], label: str) -> list[float]:
    return [weights[label]] if weights else []
