"""Questions with their answers: the keys of a record, and SQuAD's own JSON files."""

import json
from typing import Any, Iterator, Mapping, NamedTuple, Sequence

from allennlp.common.checks import ConfigurationError

from bert_classification.data.files import open_text
from bert_classification.data.json_values import describe
from bert_classification.data.records import Record, RecordError, expect_object, load_json


class Answer(NamedTuple):
    """A text and the character of the context it begins at."""

    text: str
    start: int


class Question(Record):
    """A record of a SQuAD file, which is known by its id: the whole file may be one line."""

    @property
    def location(self) -> str:
        return f"{self.file}, question {self.values.get('id')}"


def read_squad(path: str, encoding: str = "utf-8") -> Iterator[Record]:
    """
    Yields the questions of a SQuAD file, version 1.1 or 2.0 (Rajpurkar et al. 2016, 2018), gzipped
    or not, in their order; each with its `context`.

    # Raises

    `ConfigurationError` that names the file and the location in it, when it is not such a file.
    """
    empty = True
    for article, location in _items(_read_json(path, encoding), "data", path):
        for paragraph, location_of_paragraph in _items(article, "paragraphs", location):
            if "context" not in paragraph:
                raise ConfigurationError(f"{location_of_paragraph}: no key `context`.")
            for question, location_of_question in _items(paragraph, "qas", location_of_paragraph):
                if not isinstance(question.get("id"), (str, int)):
                    raise ConfigurationError(
                        f"{location_of_question}: expected a string under the key `id`, got "
                        f"{describe(question.get('id'))}."
                    )
                empty = False
                yield Question({**question, "context": paragraph["context"]}, path, 0)
    if empty:
        raise ConfigurationError(f"{path}: no question in this file; expected SQuAD JSON.")


def _read_json(path: str, encoding: str) -> dict[str, Any]:
    with open_text(path, encoding) as lines:
        text = "".join(lines)
    if not text.strip():
        raise ConfigurationError(f"{path}: the file is empty; expected SQuAD JSON.")
    try:
        return expect_object(load_json(text, path), path)
    except json.JSONDecodeError as error:
        raise ConfigurationError(
            f"{path}, line {error.lineno}: not valid JSON ({error.msg}, column {error.colno}). If "
            "each line is a record of its own, set `dataset_reader.format` to jsonl."
        ) from error


def _items(holder: Mapping[str, Any], key: str, location: str) -> Iterator[tuple[dict, str]]:
    """Yields the objects in the list under a key, each with its location for messages."""
    items = holder.get(key)
    if not isinstance(items, list):
        found = describe(items) if key in holder else "nothing"
        raise ConfigurationError(f"{location}: expected a list under the key `{key}`, got {found}.")
    for index, item in enumerate(items):
        inner = f"{location}{': ' if key == 'data' else '.'}{key}[{index}]"
        yield expect_object(item, inner), inner


def get_answers(values: Mapping[str, Any], context: str) -> list[Answer]:
    """
    Reads the answers under `answers`, each of them checked to stand in the context; none for a
    question with `is_impossible`.

    `answers` is a list of `{"text": ..., "answer_start": ...}`, the same as two lists in one object
    (as the `datasets` library writes SQuAD), or either of them as JSON text in a column of a table.
    An empty list without `is_impossible` is that of a question without an answer, too.
    """
    impossible = _get_is_impossible(values)
    if values.get("answers") is None:
        if impossible:
            return []
        raise RecordError("no key `answers`; training and evaluation need it.")
    answers = [
        _check_answer(answer, f"answers[{index}]", context)
        for index, answer in enumerate(_as_list(values["answers"]))
    ]
    if impossible is not None and impossible == bool(answers):
        raise RecordError(
            f"`is_impossible`: {str(impossible).lower()}, but `answers` has {len(answers)}."
        )
    return answers


def _get_is_impossible(values: Mapping[str, Any]) -> Any:
    value = values.get("is_impossible")
    # A table knows no booleans.
    if isinstance(value, str) and value.lower() in ("true", "false", ""):
        return {"true": True, "false": False}.get(value.lower())
    if value is not None and not isinstance(value, bool):
        raise RecordError(f"`is_impossible`: expected true or false, got {describe(value)}.")
    return value


def _as_list(answers: Any) -> Sequence[Any]:
    if isinstance(answers, str):
        try:
            answers = load_json(answers, "`answers`")
        except json.JSONDecodeError as error:
            raise RecordError(f"`answers`: not valid JSON, {describe(answers)}.") from error
    if isinstance(answers, dict):
        texts, starts = answers.get("text"), answers.get("answer_start")
        if isinstance(texts, list) and isinstance(starts, list) and len(texts) == len(starts):
            return [{"text": text, "answer_start": start} for text, start in zip(texts, starts)]
    if not isinstance(answers, list):
        raise RecordError(
            "`answers`: expected a list of objects with `text` and `answer_start`, got "
            f"{describe(answers)}."
        )
    return answers


def _check_answer(answer: Any, key: str, context: str) -> Answer:
    if not isinstance(answer, dict):
        raise RecordError(
            f"`{key}`: expected an object with `text` and `answer_start`, got {describe(answer)}."
        )
    text, start = answer.get("text"), answer.get("answer_start")
    if not isinstance(text, str) or not text.strip():
        raise RecordError(f"`{key}.text`: expected a text, got {describe(text)}.")
    if not isinstance(start, int) or isinstance(start, bool):
        raise RecordError(f"`{key}.answer_start`: expected a whole number, got {describe(start)}.")
    if not -len(context) <= start <= len(context):
        # Of thousands of digits, perhaps.
        raise RecordError(
            f"`{key}.answer_start`: {describe(start)} is outside the context, which has "
            f"{len(context)} characters."
        )
    end = start + len(text)
    if start < 0 or end > len(context):
        raise RecordError(
            f"`{key}.answer_start`: characters {start} to {end} are outside the context, which has "
            f"{len(context)}."
        )
    if context[start:end] != text:
        raise RecordError(
            f"`{key}.answer_start`: {describe(text)} is not at character {start} of the context; "
            f"{describe(context[start:end])} is."
        )
    return Answer(text, start)
