"""The file of predictions: a line for each record, written and read line by line."""

import json
from pathlib import Path
from typing import Any, Iterable, Iterator, Sequence, Union

from allennlp.common.checks import ConfigurationError
from allennlp.common.tqdm import Tqdm
from allennlp.common.util import JsonDict, lazy_groups_of

from bert_classification.archives.whole_files import replace_file
from bert_classification.data.json_values import dump_json, shorten
from bert_classification.data.outcomes import sentence_of
from bert_classification.data.records import RecordError, parse_json_line
from bert_classification.evaluation.figures import Figures, Show
from bert_classification.evaluation.page import Text
from bert_classification.evaluation.task_lines import OWN_KEYS, Located, TaskLines, task_of

RECORDS_AT_ONCE = 512
"""How many records are tokenized in one call."""


def check_data(lines: TaskLines, paths: Sequence[str], slices: Sequence[str] = ()) -> int:
    """
    Reads all data before the model runs.

    # Returns

    `int`: the number of records.

    # Raises

    `ConfigurationError` that names file, line and key: for a record without its gold value, one
    that is not the task's, a label that the model does not know, and a slice of a key that no
    record has.
    """
    count, keys = 0, {"length", *OWN_KEYS}
    for path in paths:
        for located in lines.located(path):
            lines.check(located)
            keys.update(located.values)
            count += 1
    check_slices(slices, keys, paths)
    return count


def check_slices(slices: Sequence[str], keys: set[str], paths: Sequence[str]) -> None:
    """Raises `ConfigurationError` for a slice of a key that no record has."""
    for key in slices:
        if key not in keys:
            raise ConfigurationError(
                f"`--slices`: no record of {', '.join(paths)} has the key `{key}`; expected one of "
                f"{', '.join(sorted(keys - {'gold', 'prediction'}))}."
            )


def write_predictions(
    lines: TaskLines, paths: Sequence[str], target: Union[str, Path], total: int
) -> None:
    """Predicts all records, and writes the line of each; the file is there when it is whole."""
    with replace_file(target) as aside, open(aside, "w", encoding="utf-8") as file:
        for line in Tqdm.tqdm(predict(lines, paths), total=total, desc="predicting"):
            file.write(dump_json(line) + "\n")


def predict(lines: TaskLines, paths: Sequence[str]) -> Iterator[JsonDict]:
    """Yields the line of each record."""
    task = task_of(lines.predictor).removeprefix("bert_for_")
    lines.prepare(paths)
    located = (each for path in paths for each in lines.located(path))
    number = 0
    for group in lazy_groups_of(located, RECORDS_AT_ONCE):
        for each, answer in zip(group, _answers(lines, group)):
            number += 1
            yield _line(lines, each, answer, task, number)


def _answers(lines: TaskLines, group: Sequence[Located]) -> list[JsonDict]:
    try:
        return lines.answers(group)
    except RecordError as error:
        if len(group) == 1:
            place = f"{group[0].file}, line {group[0].line}: "
            sentence = sentence_of(error)
            raise ConfigurationError(
                sentence if sentence.startswith(group[0].file) else place + sentence
            ) from error
        return [answer for each in group for answer in _answers(lines, [each])]


def _line(lines: TaskLines, located: Located, answer: JsonDict, task: str, number: int) -> JsonDict:
    known = (*lines.predictor.input_keys, lines.predictor.gold_key, *OWN_KEYS)
    others = {key: value for key, value in located.values.items() if key not in known}
    place = {"id": located.values.get("id", number), "file": located.file, "line": located.line}
    return {**place, "task": task, **others, **lines.texts(located.example), **answer}


def read_predictions(path: Union[str, Path]) -> Iterator[tuple[int, JsonDict]]:
    """
    Yields the lines of a file of predictions, each with the offset where it begins.

    # Raises

    `ConfigurationError` that names file and line, where it is none.
    """
    offset, task = 0, None
    for number, data in enumerate(_bytes_of(path), 1):
        location = f"{path}, line {number}"
        try:
            line = parse_json_line(data.decode(), location)
        except UnicodeDecodeError as error:
            raise ConfigurationError(f"{location}: not UTF-8 text.") from error
        missing = [key for key in OWN_KEYS if key not in line]
        if missing:
            raise ConfigurationError(
                f"{location}: no key `{missing[0]}`; expected a line of `predictions.jsonl`, as "
                "`allennlp report` writes it."
            )
        task = task or line["task"]
        if line["task"] != task:
            raise ConfigurationError(
                f"{location}: `task` is {line['task']!r}, and of the lines before {task!r}."
            )
        yield offset, line
        offset += len(data)
    if task is None:
        raise ConfigurationError(f"{path}: no line in this file; expected predictions.")


def _bytes_of(path: Union[str, Path]) -> Iterator[bytes]:
    try:
        with open(path, "rb") as file:
            yield from file
    except FileNotFoundError as error:
        raise ConfigurationError(f"{path}: no such file.") from error
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be read ({error.strerror}).") from error


def add_line(figures: Figures, line: JsonDict, offset: int, location: str) -> None:
    """Lets figures take a line; `ConfigurationError` where it is not what its task's lines are."""
    try:
        figures.add(line, offset)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise ConfigurationError(
            f"{location}: no prediction of the task {line['task']} as `allennlp report` writes it: "
            f"{shorten(sentence_of(error), 200)}"
        ) from error


def lines_at(path: Union[str, Path], offsets: Iterable[int]) -> Iterator[Any]:
    """Yields the lines that begin at these offsets, in their order."""
    with open(path, "rb") as file:
        for offset in offsets:
            file.seek(offset)
            yield json.loads(file.readline())


def shower(path: Union[str, Path], figures: Figures) -> Show:
    """Makes what shows the records at some places of a file of predictions."""

    def show(places: Sequence[int]) -> list[Text]:
        lines = lines_at(path, [figures.offsets[place] for place in places])
        return [figures.text(line) for line in lines]

    return show
