"""What `allennlp init-config` proposes for texts with labels."""

from collections import Counter
from pathlib import Path
from typing import Any, Iterable, Optional

from allennlp.common.checks import ConfigurationError

from bert_classification.data.draft import Draft
from bert_classification.data.files import read_lines
from bert_classification.data.proposal import Files, Seen, TaskProposal, percent
from bert_classification.data.tables import propose_columns

NAMES_FILES = ("labels.txt", "label_names.txt", "classes.txt")
DELIMITERS = (",", ";", "|")
MAX_CLASSES = 50
"""More whole numbers than these are rather amounts."""
UNEVEN = 3


class Proposal(TaskProposal):
    def propose_reader(self, files: Files, draft: Draft) -> None:
        table = propose_columns(
            files.train, draft, ("text", "text_pair", "label"), optional=("text_pair",)
        )
        labels = [row["label"] for row in table.rows if row.get("label") not in (None, "")]
        problem_type = _propose_problem_type(labels, draft)
        if problem_type != "regression":
            _propose_label_names(files, labels, draft)
        if problem_type not in METRICS:
            raise ConfigurationError(
                f"`problem_type` is {problem_type!r}; expected one of {', '.join(METRICS)}."
            )
        draft.set("trainer.validation_metric", *METRICS[problem_type])

    def labels_of(self, example: Any) -> Iterable[str]:
        return example.label if isinstance(example.label, list) else super().labels_of(example)

    def propose_model(self, train: Seen, draft: Draft) -> None:
        problem_type = draft.get("dataset_reader.problem_type")
        if problem_type is not None:
            draft.set("model.problem_type", problem_type)
        _suggest_weights(train, problem_type, draft)
        if train.cut:
            draft.suggest(
                "dataset_reader.long_text",
                "windows",
                f"{percent(train.cut / len(train.lengths))} of the texts are longer than the "
                f"{train.limit} word pieces that BERT takes, and lose their ends. To read all of "
                "them, in overlapping windows:",
            )


METRICS = {
    "single_label_classification": (
        "+accuracy",
        "The share of right labels. Where some are rare: '+macro_f1', or '+matthews'.",
    ),
    "multi_label_classification": (
        "+micro_f1",
        "F1 over all labels that are given. Where rare ones count the same: '+macro_f1'.",
    ),
    "regression": ("+pearson", "The correlation with the numbers of the data."),
}


def _propose_problem_type(labels: list[Any], draft: Draft) -> str:
    """Proposes one label, several, or a number, and what divides several."""
    key = "dataset_reader.problem_type"
    if any(isinstance(label, list) for label in labels):
        return draft.set(key, "multi_label_classification", "`label` is a list.")
    texts = [str(label) for label in labels]
    numbers = [number for number in map(_number, texts) if number is not None]
    distinct = len(set(texts))
    if len(numbers) == len(texts) and numbers:
        low, high = min(numbers), max(numbers)
        if distinct > MAX_CLASSES or any("." in text for text in texts):
            return draft.set(
                key, "regression", f"`label` is a number, from {low:g} to {high:g} as far as seen."
            )
    delimiter = _find_delimiter(texts)
    if delimiter is not None:
        several = sum(delimiter in text for text in texts)
        why = f"{several:,} of the first {len(texts):,} rows have several labels."
        if draft.set(key, "multi_label_classification", why) == "multi_label_classification":
            draft.set("dataset_reader.label_delimiter", delimiter)
    return draft.get(key, "single_label_classification")


def _find_delimiter(texts: list[str]) -> Optional[str]:
    """Finds what divides labels, most of which stand alone elsewhere."""
    whole = set(texts)
    for delimiter in DELIMITERS:
        joined = {text for text in whole if delimiter in text}
        parts = {part.strip() for text in joined for part in text.split(delimiter)}
        alone = parts & whole
        if joined and len(parts) < len(whole) and len(alone) >= len(parts) / 2:
            return delimiter
    return None


def _number(text: str) -> Optional[float]:
    try:
        return float(text)
    except ValueError:
        return None


def _propose_label_names(files: Files, labels: list[Any], draft: Draft) -> None:
    """Proposes a file of names where labels are ids."""
    key = "dataset_reader.label_names"
    if files.labels is not None:
        draft.set(key, files.labels, "As `--labels` says.")
        return
    delimiter = draft.get("dataset_reader.label_delimiter")
    flat = [str(part).strip() for label in labels for part in _split(label, delimiter)]
    if not flat or not all(part.isdecimal() and len(part) < 6 for part in flat):
        return
    for name in NAMES_FILES:
        path = Path(files.train).parent / name
        if path.is_file():
            names = [line for _, line in read_lines(str(path)) if line.strip()]
            if max(map(int, flat)) < len(names):
                draft.set(
                    key, str(path), f"Labels are ids; {name} beside the data names {len(names)}."
                )
            return


def _split(label: Any, delimiter: Optional[str]) -> list[Any]:
    if isinstance(label, list):
        return label
    return str(label).split(delimiter) if delimiter else [label]


def _suggest_weights(train: Seen, problem_type: Optional[str], draft: Draft) -> None:
    counts = train.labels.most_common()
    if len(counts) < 2 or problem_type == "regression":
        return
    (often, most), (rarely, least) = counts[0], counts[-1]
    if most < UNEVEN * least:
        return
    seen = f"`{often}` is given {most:,} times, `{rarely}` {least:,} times."
    if problem_type == "multi_label_classification":
        weight = round(min(10.0, _absent_per_present(train.labels, train.size)), 1)
        draft.suggest(
            "model.pos_weight",
            weight,
            f"{seen} To find more of the rare ones, at the price of some that are wrong:",
        )
    else:
        draft.suggest(
            "model.class_weights",
            "balanced",
            f"{seen} To let each label count the same in the loss, whatever its number:",
        )


def _absent_per_present(labels: Counter[str], rows: int) -> float:
    """How often the label in the middle is absent for each time that it is given, at most 10."""
    middle = sorted(labels.values())[len(labels) // 2]
    return max(1.0, (rows - middle) / middle)
