"""
A report of a model on labelled data: `report.json` for programs, `report.html` for people, and the
records that it has wrong as `errors.jsonl`.
"""

from collections import Counter
from pathlib import Path
from typing import Any, Iterator, NamedTuple, Optional, Sequence, Union

import numpy
from allennlp.common.util import JsonDict

from bert_classification.archives.whole_files import replace_file
from bert_classification.data.json_values import dump_json
from bert_classification.evaluation.bootstrap import Interval, intervals
from bert_classification.evaluation.figures import Figures
from bert_classification.evaluation.page import (
    Paragraph,
    Picture,
    Section,
    Table,
    Texts,
    write_page,
)
from bert_classification.evaluation.predictions import add_line, lines_at, read_predictions, shower
from bert_classification.evaluation.slices import Slices, of_numbers, slice_scores
from bert_classification.evaluation.task_lines import lines_class
from bert_classification.evaluation.training_curves import training_section

LENGTH = "length"
MAX_PARTS = 30
"""Parts of a slice on the page."""


class Settings(NamedTuple):
    """
    slices : `Sequence[str]`
        Keys of the records by which the data are divided; by their length they are anyway.
    top_errors : `int`
        The records of the highest loss on the page.
    seed : `int`
        Of the resamples.
    """

    slices: Sequence[str] = ()
    top_errors: int = 50
    seed: int = 0


class Report(NamedTuple):
    """
    task : `str`
    figures : `Figures`
    found : `Dict[str, Interval]`
        The scores.
    slices : `Dict[str, List[JsonDict]]`
        The scores of each part, by the key of the slice.
    files : `Dict[str, int]`
        The files of the data, and how many records are of each.
    """

    task: str
    figures: Figures
    found: dict[str, Interval]
    slices: dict[str, list[JsonDict]]
    files: dict[str, int]


def collect(path: Union[str, Path], settings: Settings, name: Union[str, Path]) -> Report:
    """Makes figures of a file of predictions, reading it once; messages call it by its name."""
    figures: Optional[Figures] = None
    keys = [Slices(key) for key in settings.slices if key != LENGTH]
    task, files = "", Counter[str]()
    for number, (offset, line) in enumerate(read_predictions(path), 1):
        if figures is None:
            task = line["task"]
            figures = lines_class(task).figures(line)
        add_line(figures, line, offset, f"{name}, line {number}")
        files[str(line["file"])] += 1
        for each in keys:
            each.add(line)
    assert figures is not None
    found = intervals(figures.scores, len(figures), settings.seed)
    slices = {LENGTH: slice_scores(figures, of_numbers(figures.lengths.astype(float)))}
    slices.update({each.key: slice_scores(figures, each.parts()) for each in keys})
    return Report(task, figures, found, slices, dict(files))


def write_report(
    directory: Path,
    title: str,
    epochs: Sequence[JsonDict] = (),
    settings: Settings = Settings(),
    source: Optional[Path] = None,
) -> Report:
    """
    Makes a report of the `predictions.jsonl` in a directory.

    # Parameters

    title : `str`
        The model, for the page.
    epochs : `Sequence[JsonDict]`, optional
        See `read_epochs`.
    source : `Path`, optional
        What messages call the predictions, where they were copied.
    """
    predictions = directory / "predictions.jsonl"
    report = collect(predictions, settings, source or predictions)
    worst = report.figures.worst()
    described = {
        "task": report.task,
        "model": title,
        "records": len(report.figures),
        "files": report.files,
        "seed": settings.seed,
        "scores": {name: each._asdict() for name, each in report.found.items()},
        **report.figures.describe(),
        "slices": report.slices,
        **({"epochs": list(epochs)} if epochs else {}),
    }
    _write(directory / "report.json", [dump_json(described) + "\n"])
    offsets = (report.figures.offsets[place] for place in worst)
    _write(
        directory / "errors.jsonl",
        (dump_json(line) + "\n" for line in lines_at(predictions, offsets)),
    )
    sections = list(_sections(report, predictions, worst, list(epochs), settings))
    for section in sections:
        for part in section.parts:
            if isinstance(part, Picture):
                _write(directory / f"{part.name}.svg", [part.svg])
    data = ", ".join(Path(file).name for file in list(report.files)[:3])
    told = f"{report.task.replace('_', ' ')}, {len(report.figures):,} records. {title}"
    write_page(directory / "report.html", f"{Path(title).name} on {data}", told, sections)
    return report


def _write(path: Path, parts: Any) -> None:
    with replace_file(path) as aside, open(aside, "w", encoding="utf-8") as file:
        file.writelines(parts)


def _sections(
    report: Report,
    predictions: Path,
    worst: numpy.ndarray,
    epochs: list[JsonDict],
    settings: Settings,
) -> Iterator[Section]:
    figures, show = report.figures, shower(predictions, report.figures)
    yield Section("Scores", [scores_table(report.found)])
    own = figures.sections(show, report.found)
    yield from own[:2]
    shown = show(worst[: settings.top_errors].tolist())
    caption = f"The {len(shown)} of the highest loss, of {len(worst):,}"
    note = "A high loss is often a wrong label: look whether the data are right."
    if shown:
        yield Section("Errors", [Texts(caption, shown, "", note)])
    else:
        yield Section("Errors", [Paragraph("There are none.")])
    yield from own[2:]
    yield Section("Slices", [_slice_table(*each) for each in report.slices.items()])
    training = training_section(epochs)
    if training is not None:
        yield training


def scores_table(found: dict[str, Interval]) -> Table:
    """Tells the scores of the whole, and how far chance goes."""
    rows = [
        [name, each.value, f"{each.low:.3f} to {each.high:.3f}"]
        for name, each in found.items()
        if "/" not in name
    ]
    note = "In 95 of 100 samples of as many records the score would be between the two."
    return Table("Of all records", ["", "score", "95 %"], rows, note)


def _slice_table(key: str, parts: list[JsonDict]) -> Table:
    names = [name for name in parts[0]["scores"] if "/" not in name] if parts else []
    rows = [
        [part["value"], part["records"], *(part["scores"][name] for name in names)]
        for part in parts[:MAX_PARTS]
    ]
    more = len(parts) - MAX_PARTS
    return Table(
        f"By {key}",
        [key, "records", *names],
        rows,
        f"{more} more are in report.json." if more > 0 else "",
    )
