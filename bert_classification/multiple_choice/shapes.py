"""
The shapes that records of multiple choice come in, told apart by their keys: ours, SWAG, Cosmos QA,
RACE, CommonsenseQA and ARC.
"""

import re
from itertools import count, takewhile
from string import ascii_uppercase
from typing import Any, Callable, Iterable, Mapping, NamedTuple, Optional

from bert_classification.data.records import RecordError, describe, expect_object
from bert_classification.data.values import get_optional_text, get_text


class Question(NamedTuple):
    """
    What all shapes come down to.

    # Parameters

    prompt : `str`
    choices : `List[str]`
        Two or more.
    names : `List[str]`
        What stands for each choice in the gold value: its text, letter or index.
    gold_key : `str`
    gold : `Any`
        One of the names or an index, counted from 0; `None` where the record has no such key.
    """

    prompt: str
    choices: list[str]
    names: list[str]
    gold_key: str
    gold: Any


def read_question(values: Mapping[str, Any]) -> Question:
    """Reads the question in a record of any shape; keys unknown to its shape stay unread."""
    shape = next((shape for keys, shape in _SHAPES if values.keys() >= keys), _ours)
    return shape(values)


def is_known_shape(keys: Iterable[str]) -> bool:
    """Tells whether records with these keys are questions as they stand."""
    known = set(keys)
    return "questions" in known or any(known >= shape for shape, _ in _SHAPES)


def gold_index(question: Question) -> int:
    """Finds the index of the right choice; `RecordError` when the gold value is none of them."""
    key, gold, names = question.gold_key, question.gold, question.names
    if gold is None:
        raise RecordError(f"no key `{key}`; training and evaluation need it.")
    if isinstance(gold, str) and names.count(gold) == 1:
        return names.index(gold)
    if isinstance(gold, int) and not isinstance(gold, bool) and 0 <= gold < len(names):
        return gold
    found = "more than one" if gold in names else "none"
    raise RecordError(
        f"`{key}`: {describe(gold)} is {found} of the choices; expected an index from 0 to "
        f"{len(names) - 1}, or one of {', '.join(map(repr, names))}."
    )


def _ours(values: Mapping[str, Any]) -> Question:
    prompt = _join(get_text(values, "prompt"), get_optional_text(values, "question"))
    choices = _get_texts(values, "choices")
    gold = values.get("label")
    if isinstance(gold, str) and re.fullmatch(r"\d{1,9}", gold) and gold not in choices:
        gold = int(gold)
    return Question(prompt, choices, choices, "label", gold)


def _swag(values: Mapping[str, Any]) -> Question:
    # As in Hugging Face's `run_swag`, the second sentence begins in `sent2`, which may be empty.
    begin = f"{values['sent2']} " if values.get("sent2") else ""
    endings = [begin + ending for ending in _get_numbered(values, "ending")]
    prompt = get_text(values, "sent1")
    return Question(prompt, endings, _indices(endings), "label", values.get("label"))


def _cosmos(values: Mapping[str, Any]) -> Question:
    prompt = _join(get_text(values, "context"), get_text(values, "question"))
    answers = _get_numbered(values, "answer")
    return Question(prompt, answers, _indices(answers), "label", values.get("label"))


def _race(values: Mapping[str, Any]) -> Question:
    prompt = _join(get_text(values, "article"), get_text(values, "question"))
    options = _get_texts(values, "options")
    return Question(
        prompt, options, list(ascii_uppercase[: len(options)]), "answer", values.get("answer")
    )


def _commonsense(values: Mapping[str, Any]) -> Question:
    question = values["question"]
    if not isinstance(question, dict):
        raise RecordError(
            "no key `prompt`; and `question` is no object with `stem` and `choices`, as in "
            f"CommonsenseQA, but {describe(question)}."
        )
    choices = _expect_several(question.get("choices"), "question.choices")
    for index, choice in enumerate(choices):
        expect_object(choice, f"`question.choices[{index}]`")
    return Question(
        get_text(question, "stem"),
        [get_text(choice, "text") for choice in choices],
        [get_text(choice, "label") for choice in choices],
        "answerKey",
        values.get("answerKey"),
    )


_SHAPES: tuple[tuple[set[str], Callable[[Mapping[str, Any]], Question]], ...] = (
    ({"prompt"}, _ours),
    ({"sent1"}, _swag),
    ({"article", "question"}, _race),
    ({"context", "question"}, _cosmos),
    ({"question"}, _commonsense),
)


def _join(first: str, second: Optional[str]) -> str:
    return first if second is None else f"{first} {second}"


def _indices(choices: list[str]) -> list[str]:
    return [str(index) for index in range(len(choices))]


def _get_texts(values: Mapping[str, Any], key: str) -> list[str]:
    if key not in values:
        raise RecordError(f"no key `{key}`; expected a list of two or more texts.")
    texts = _expect_several(values[key], key)
    indexed = {f"{key}[{index}]": text for index, text in enumerate(texts)}
    return [get_text(indexed, name) for name in indexed]


def _get_numbered(values: Mapping[str, Any], key: str) -> list[str]:
    """Gets the texts of columns that are numbered from 0."""
    columns = takewhile(values.__contains__, (f"{key}{index}" for index in count()))
    return _expect_several([get_text(values, column) for column in columns], f"{key}0`, `{key}1")


def _expect_several(choices: Any, key: str) -> list[Any]:
    if not isinstance(choices, list) or len(choices) < 2:
        raise RecordError(f"`{key}`: expected two or more choices, got {describe(choices)}.")
    return choices
