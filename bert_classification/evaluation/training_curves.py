"""What training wrote of each epoch, as curves."""

import json
import re
from pathlib import Path
from typing import Any, Optional

from allennlp.common.util import JsonDict

from bert_classification.evaluation.page import Picture, Section
from bert_classification.evaluation.pictures import curves

FILE = re.compile(r"metrics_epoch_(\d+)\.json")
COURSE = re.compile(r"(training|validation)_(.+)")


def read_epochs(model: str) -> list[JsonDict]:
    """
    Reads the metrics of the epochs that lie beside an archive, or in a directory of training; none
    where there are no such files.
    """
    path = Path(model)
    directory = path if path.is_dir() else path.parent
    found = []
    for file in directory.glob("metrics_epoch_*.json"):
        match = FILE.fullmatch(file.name)
        if match:
            found.append((int(match[1]), json.loads(file.read_text(encoding="utf-8"))))
    return [
        {**metrics, "epoch": epoch} for epoch, metrics in sorted(found, key=lambda each: each[0])
    ]


def training_section(epochs: list[JsonDict]) -> Optional[Section]:
    """Draws each metric over the epochs, that of training and of validation together."""
    metrics: dict[str, dict[str, list]] = {}
    for epoch in epochs:
        for name, value in epoch.items():
            match = COURSE.fullmatch(name)
            kind, metric = (match[1], match[2]) if match else ("", name)
            wanted = match or "learning_rate" in name or name.startswith("lr")
            if (
                wanted
                and isinstance(value, (int, float))
                and "/" not in metric
                and metric not in ("epochs", "start_epoch", "duration")
            ):
                course = metrics.setdefault(metric, {}).setdefault(kind, [])
                course.append((epoch["epoch"], value))
    pictures: list[Picture] = []
    for metric, courses in metrics.items():
        lines: list[Any] = [(kind, *zip(*points)) for kind, points in courses.items()]
        pictures.append(
            curves(f"training-{re.sub(r'[^a-z0-9_-]', '_', metric)}", metric, lines, "epoch", "")
        )
    return Section("Training", pictures) if pictures and len(epochs) > 1 else None
