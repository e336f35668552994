"""JSON values as strangers bring them: in few words, and as valid JSON again."""

import json
import math
import sys
from typing import Any

MAX_DIGITS = sys.get_int_max_str_digits()
"""The most digits of a whole number, beyond which Python neither reads nor writes it."""


def describe(value: Any) -> str:
    """Names a JSON value for a message: its type, and the beginning of the value."""
    names = {
        dict: "an object",
        list: "a list",
        str: "a string",
        bool: "a boolean",
        type(None): "null",
    }
    name = names.get(type(value), "a number")
    try:
        text = value[:100] if isinstance(value, str) else value
        return f"{name} ({shorten(json.dumps(text, ensure_ascii=False, default=str))})"
    except (RecursionError, TypeError, ValueError):
        return f"{name} that Python cannot write as JSON"


def shorten(text: str, length: int = 60) -> str:
    """Cuts what a message shows of a value; half a surrogate pair becomes the escape it was."""
    shown = text if len(text) <= length else text[: length - 3] + "..."
    return shown.encode(errors="backslashreplace").decode()


def dump_json(value: Any) -> str:
    """Writes strictly valid JSON: what has no number in it, such as NaN, becomes null."""
    try:
        return json.dumps(value, allow_nan=False)
    except ValueError:
        return json.dumps(without_wild_numbers(value), allow_nan=False)


def without_wild_numbers(value: Any) -> Any:
    """Copies a value with null in the place of numbers that JSON, or Python, does not write."""
    if isinstance(value, dict):
        return {key: without_wild_numbers(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [without_wild_numbers(each) for each in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    # A digit takes more than three bits.
    return None if isinstance(value, int) and value.bit_length() > 3 * MAX_DIGITS else value
