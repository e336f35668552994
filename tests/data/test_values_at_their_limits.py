"""Labels and texts that Python, a vocabulary or a tensor has no room for."""

import json
from typing import Any

import pytest

from bert_classification.archives.nesting import MAX_DEPTH
from bert_classification.data.json_values import describe, dump_json
from bert_classification.data.records import RecordError, load_json, parse_json_line
from bert_classification.data.values import get_label, get_labels, get_number, get_text


def nested(depth: int) -> str:
    return "[" * depth + "]" * depth


@pytest.mark.parametrize("label", ["a\r", "a\nb", "\r\n"])
def test_a_label_is_one_line(label) -> None:
    with pytest.raises(RecordError, match="holds a line break; a vocabulary has one label a line"):
        get_label({"label": label}, None)
    with pytest.raises(RecordError, match="holds a line break"):
        get_labels({"label": ["fine", label]}, None, None)


def test_a_label_is_unicode() -> None:
    with pytest.raises(RecordError, match="`label`: half a surrogate pair at character 1"):
        get_label({"label": "a\ud800"}, None)


def test_a_number_of_thousands_of_digits_is_no_label_number() -> None:
    with pytest.raises(RecordError, match="is not in `label_names`") as error:
        get_label({"label": "7" * 5000}, ["a", "b"])
    assert len(str(error.value)) < 200


@pytest.mark.parametrize("label", [10**400, "9" * 400, 1e39, "nan", "-inf", [1], True, "x"])
def test_a_number_has_room_in_32_bits(label) -> None:
    with pytest.raises(RecordError, match="`label`: expected a number, got"):
        get_number({"label": label})
    assert get_number({"label": -3.4e38}) == -3.4e38


def test_a_message_shows_some_keys_and_the_beginning_of_each() -> None:
    values = {"k" * 10_000: 1, "\ud800": 2, **{f"key{index}": 3 for index in range(100)}}
    with pytest.raises(RecordError) as error:
        get_text(values, "text")
    message = str(error.value)
    message.encode()
    assert len(message) < 300 and r"`\ud800`" in message and message.endswith("...."), message


@pytest.mark.parametrize(
    "line, message",
    [
        (nested(MAX_DEPTH + 1), "JSON nested too deeply; expected at most 64 levels"),
        (nested(100_000), "JSON nested too deeply"),
        ("9" * 4301, "a whole number of more than 4300 digits"),
        ('{"a": -' + "9" * 5000 + "}", "a whole number of more than 4300 digits"),
    ],
)
def test_json_that_nobody_could_write_again(line, message) -> None:
    with pytest.raises(RecordError, match=f"^a.jsonl, line 3: {message}"):
        parse_json_line(line, "a.jsonl, line 3")


def test_what_is_within_the_limits_is_written_as_it_was() -> None:
    for text in (nested(MAX_DEPTH), "9" * 4300):
        assert dump_json(load_json(text, "here")) == text


def test_any_value_has_a_short_description() -> None:
    deep: Any = []
    for _ in range(5000):
        deep = [deep]
    values = [deep, 10**5000, "\ud800" * 500, {(1, 2): 3}, list(range(1000)), float("nan"), None]
    for value in values:
        described = describe(value)
        described.encode()
        assert 0 < len(described) < 400


def test_numbers_that_json_lacks_become_null() -> None:
    value = {"a": [float("nan"), 1.5, -float("inf")], "b": (10**5000, True), "c": "NaN"}
    assert json.loads(dump_json(value)) == {"a": [None, 1.5, None], "b": [None, True], "c": "NaN"}
