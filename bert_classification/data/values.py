"""What stands under the keys of a record, checked; errors name the key and what was expected."""

from itertools import islice
from typing import Any, Callable, Mapping, Optional, Sequence, Union

import numpy

from bert_classification.data.json_values import describe, shorten
from bert_classification.data.records import RecordError

KEYS_SHOWN = 12


def get_text(values: Mapping[str, Any], key: str, *aliases: str) -> str:
    """
    Reads the text under a key or one of its aliases; `RecordError` when it is missing, not a
    string, or empty.
    """
    found = next((name for name in (key, *aliases) if name in values), None)
    if found is None:
        raise RecordError(f"no key `{key}`; the record has {name_keys(values)}.")
    text = values[found]
    if not isinstance(text, str):
        raise RecordError(f"`{found}`: expected a string, got {describe(text)}.")
    if not text.strip():
        raise RecordError(f"`{found}`: the text is empty.")
    check_unicode(found, text)
    return text


def name_keys(values: Mapping[str, Any]) -> str:
    """Lists the first keys of a record for a message."""
    names = [f"`{shorten(name)}`" for name in islice(values, KEYS_SHOWN)]
    more = ["..."] if len(values) > KEYS_SHOWN else []
    return ", ".join(names + more) or "no keys"


def check_unicode(key: str, text: str) -> None:
    """
    Raises `RecordError` for half a surrogate pair, which JSON can spell and no tokenizer takes.
    """
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise RecordError(
            f"`{key}`: half a surrogate pair at character {error.start}; expected Unicode text."
        ) from error


def get_optional_text(values: Mapping[str, Any], key: str) -> Optional[str]:
    """Reads the text under a key that may be missing or null."""
    return None if values.get(key) is None else get_text(values, key)


def get_setting(
    values: Mapping[str, Any], key: str, default: Any, expected: str, fits: Callable[[Any], bool]
) -> Any:
    """
    Reads what a record asks for, the default where the key is missing or null; `RecordError`, which
    says what was `expected`, for a value that does not fit.
    """
    value = values.get(key)
    if value is None:
        return default
    if not fits(value):
        raise RecordError(f"`{key}`: expected {expected}, got {describe(value)}.")
    return value


def get_whole(values: Mapping[str, Any], key: str, default: Any, low: int, high: int) -> Any:
    """Reads what a record asks for as a whole number within limits; see `get_setting`."""
    expected = f"a whole number from {low} to {high}"
    return get_setting(values, key, default, expected, lambda value: is_whole(value, low, high))


def is_whole(value: Any, low: int, high: int) -> bool:
    """Tells whether a JSON value is a whole number within limits, and not true or false."""
    return type(value) is int and low <= value <= high


def get_real(
    values: Mapping[str, Any], key: str, default: Any, limits: str, fits: Callable[[Any], bool]
) -> Any:
    """Reads what a record asks for as a number; a message names its `limits`. See `get_setting`."""
    value = get_setting(
        values,
        key,
        default,
        f"a number {limits}",
        lambda value: type(value) in (int, float) and fits(value),
    )
    return None if value is None else float(value)


def get_flag(values: Mapping[str, Any], key: str, default: bool = False) -> bool:
    """Reads what a record asks for as true or false; see `get_setting`."""
    return get_setting(values, key, default, "true or false", lambda value: isinstance(value, bool))


def get_label(values: Mapping[str, Any], label_names: Optional[Sequence[str]]) -> str:
    """
    Reads the value of `label` as a string, by its name where it is a number in `label_names`. As
    tools write it, it may be the only one in a list.
    """
    label = _get_gold(values)
    if isinstance(label, list) and len(label) == 1:
        label = label[0]
    if not isinstance(label, (str, int)):
        raise RecordError(f"`label`: expected a string or a whole number, got {describe(label)}.")
    return label_name(label, label_names)


def get_labels(
    values: Mapping[str, Any], label_names: Optional[Sequence[str]], delimiter: Optional[str]
) -> list[str]:
    """Reads the value of `label` as a list of names; a string is split by the delimiter."""
    labels = _get_gold(values)
    if isinstance(labels, str) and delimiter is not None:
        labels = [label.strip() for label in labels.split(delimiter) if label.strip()]
    if not isinstance(labels, list) or not all(isinstance(label, (str, int)) for label in labels):
        raise RecordError(
            f"`label`: expected a list of strings, got {describe(labels)}. For labels in one "
            "string set `dataset_reader.label_delimiter`."
        )
    return list(dict.fromkeys(label_name(label, label_names) for label in labels))


def get_number(values: Mapping[str, Any]) -> float:
    """Reads the value of `label` as a number that has room in 32 bits."""
    label = _get_gold(values)
    try:
        number = float("nan" if isinstance(label, bool) else label)
    except (OverflowError, TypeError, ValueError):
        number = float("nan")
    if not abs(number) <= float(numpy.finfo(numpy.float32).max):
        raise RecordError(f"`label`: expected a number, got {describe(label)}.")
    return number


def _get_gold(values: Mapping[str, Any]) -> Any:
    if "label" in values and values["label"] is None:
        raise RecordError("`label` is null, and training and evaluation need it.")
    if "label" not in values:
        raise RecordError(
            f"no key `label`, which training and evaluation need; the record has "
            f"{name_keys(values)}. For another name set "
            '`dataset_reader.columns`, such as `{"label": "labels"}`.'
        )
    return values["label"]


def label_name(label: Union[str, int], label_names: Optional[Sequence[str]]) -> str:
    """Finds the name of a label, which may be its number in `label_names`."""
    text = str(label).lower() if isinstance(label, bool) else str(label)
    if label_names is None:
        return check_label(text)
    if text in label_names:
        return text
    # No list is so long; and of thousands of digits Python makes no number.
    if text.isdecimal() and len(text) < 10 and int(text) < len(label_names):
        return label_names[int(text)]
    raise RecordError(
        f"`label`: {shorten(repr(text))} is not in `label_names` ({', '.join(label_names)})."
    )


def check_label(text: str, key: str = "label") -> str:
    """
    Returns a label that can stand in a vocabulary, a file of one label a line; `RecordError`, which
    names the key, for another one.
    """
    check_unicode(key, text)
    if "\n" in text or "\r" in text:
        raise RecordError(
            f"`{key}`: {shorten(repr(text))} holds a line break; a vocabulary has one label a "
            "line. Take it out."
        )
    if not text.strip():
        raise RecordError(f"`{key}` is empty; expected the name of a label.")
    return text


def find_label(name: Any, names: Sequence[str]) -> int:
    """Finds the position of a label that a prediction is to have."""
    if name not in names:
        raise RecordError(
            f"the label {shorten(repr(name))} is unknown; the model knows "
            f"{', '.join(map(repr, names))}."
        )
    return names.index(name)
