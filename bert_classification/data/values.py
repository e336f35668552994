"""What stands under the keys of a record, checked; each error names the key and what was expected."""

import math
from typing import Any, Mapping, Optional, Sequence, Union

from bert_classification.data.records import RecordError, describe


def get_text(values: Mapping[str, Any], key: str, *aliases: str) -> str:
    """
    The text under a key or one of its aliases; `RecordError` when it is missing, not a string, or
    empty.
    """
    found = next((name for name in (key, *aliases) if name in values), None)
    if found is None:
        raise RecordError(
            f"no key `{key}`; the record has "
            f"{', '.join(f'`{name}`' for name in values) or 'no keys'}."
        )
    text = values[found]
    if not isinstance(text, str):
        raise RecordError(f"`{found}`: expected a string, got {describe(text)}.")
    if not text.strip():
        raise RecordError(f"`{found}`: the text is empty.")
    check_unicode(found, text)
    return text


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
    return None if values.get(key) is None else get_text(values, key)


def get_label(values: Mapping[str, Any], label_names: Optional[Sequence[str]]) -> str:
    """The value of `label` as a string, by its name where it is a number in `label_names`."""
    label = _get_gold(values)
    if not isinstance(label, (str, int)):
        raise RecordError(f"`label`: expected a string or a whole number, got {describe(label)}.")
    return label_name(label, label_names)


def get_labels(
    values: Mapping[str, Any], label_names: Optional[Sequence[str]], delimiter: Optional[str]
) -> list[str]:
    """The value of `label` as a list of names; a string is split by the delimiter."""
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
    """The value of `label` as a number."""
    label = _get_gold(values)
    try:
        number = math.nan if isinstance(label, bool) else float(label)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise RecordError(f"`label`: expected a number, got {describe(label)}.")
    return number


def _get_gold(values: Mapping[str, Any]) -> Any:
    if values.get("label") is None:
        raise RecordError(
            f"no key `label`, which training and evaluation need; the record has "
            f"{', '.join(f'`{name}`' for name in values) or 'no keys'}. For another name set "
            '`dataset_reader.columns`, such as `{"label": "labels"}`.'
        )
    return values["label"]


def label_name(label: Union[str, int], label_names: Optional[Sequence[str]]) -> str:
    text = str(label).lower() if isinstance(label, bool) else str(label)
    if label_names is None or text in label_names:
        return text
    if text.isdecimal() and int(text) < len(label_names):
        return label_names[int(text)]
    raise RecordError(f"`label`: {text!r} is not in `label_names` ({', '.join(label_names)}).")
