"""A draft of a config as Jsonnet that one likes to read."""

import json
import re
import textwrap
from typing import Any, Iterator, Mapping

from bert_classification.data.draft import Draft

WIDTH = 100
ORDER = (
    "type bert_model dataset_reader train_data_path validation_data_path model data_loader "
    "validation_data_loader trainer format columns problem_type tag_scheme token_indexers "
    "pretrained_model max_pieces num_epochs validation_metric patience grad_norm optimizer lr "
    "weight_decay parameter_groups learning_rate_scheduler"
).split()
"""Of keys, wherever they stand; others come as they were set, before `token_indexers`."""
KEYWORDS = frozenset(
    "assert else error false for function if import importbin importstr in local null self super "
    "tailstrict then true".split()
)


def to_jsonnet(draft: Draft, head: str, names: Mapping[str, str]) -> str:
    """
    Writes a draft.

    # Parameters

    draft : `Draft`
    head : `str`
        The comment at the top.
    names : `Mapping[str, str]`
        Keys whose values are the variable `bert`, with the value that it stands for.
    """
    variables = [f"local bert = {_string(value)};" for value in dict.fromkeys(names.values())]
    body = _Writer(draft, names).object(draft.config, "", 0)
    return "\n".join([*_comment(head, ""), *variables, "", body, ""])


class _Writer:
    def __init__(self, draft: Draft, names: Mapping[str, str]) -> None:
        self._draft = draft
        self._names = names

    def object(self, value: dict[str, Any], path: str, depth: int) -> str:
        if path and not self._is_commented(path):
            short = self._inline(value)
            if len(short) + 2 * depth + len(path.rpartition(".")[2]) + 3 <= WIDTH:
                return short
        indent = "  " * (depth + 1)
        suggested = self._suggested(path)
        lines: list[str] = []
        for key in _in_order({**suggested, **value}):
            if key in value:
                lines += self._member(value, key, path, depth, indent)
            else:
                shown, why = suggested[key]
                lines += _comment(why, indent)
                lines.append(f"{indent}// {_key(key)}: {self._inline(shown)},")
        return "\n".join(["{", *lines, "  " * depth + "}"])

    def _member(
        self, section: dict[str, Any], key: str, path: str, depth: int, indent: str
    ) -> Iterator[str]:
        inner = f"{path}.{key}".strip(".")
        yield from _comment(self._draft.notes.get(inner, ""), indent)
        yield f"{indent}{_key(key)}: {self._value(section[key], inner, key, depth + 1)},"

    def _suggested(self, path: str) -> dict[str, tuple[Any, str]]:
        suggestions = self._draft.suggestions.items()
        split = [(each.rpartition("."), suggestion) for each, suggestion in suggestions]
        return {key: suggestion for (parent, _, key), suggestion in split if parent == path}

    def _value(self, value: Any, path: str, key: str, depth: int) -> str:
        if isinstance(value, dict):
            return self.object(value, path, depth)
        text = self._inline(value, key)
        if not isinstance(value, list) or len(text) + 2 * depth + len(key) + 3 <= WIDTH:
            return text
        indent = "  " * (depth + 1)
        items = [f"{indent}{self._inline(item)}," for item in value]
        return "\n".join(["[", *items, "  " * depth + "]"])

    def _inline(self, value: Any, key: str = "") -> str:
        if isinstance(value, dict):
            pairs = _in_order(value).items()
            members = ", ".join(f"{_key(name)}: {self._inline(each, name)}" for name, each in pairs)
            return f"{{ {members} }}" if members else "{}"
        if isinstance(value, list):
            return f"[{', '.join(map(self._inline, value))}]"
        if isinstance(value, str):
            return "bert" if self._names.get(key) == value else _string(value)
        return _number(value) if isinstance(value, float) else json.dumps(value)

    def _is_commented(self, path: str) -> bool:
        """Whether something below a path needs lines of its own."""
        return any(
            each.startswith(f"{path}.") for each in (*self._draft.notes, *self._draft.suggestions)
        )


def _in_order(value: dict[str, Any]) -> dict[str, Any]:
    other = ORDER.index("token_indexers") - 0.5
    places = {key: ORDER.index(key) if key in ORDER else other for key in value}
    return {key: value[key] for key in sorted(value, key=places.__getitem__)}


def _comment(text: str, indent: str) -> Iterator[str]:
    width = WIDTH - len(indent) - 3
    for line in text.splitlines():
        # What is indented is a command to copy.
        for part in (
            [line]
            if line.startswith("  ")
            else textwrap.wrap(line, width, break_on_hyphens=False) or [""]
        ):
            yield f"{indent}// {part}".rstrip().replace("\N{NO-BREAK SPACE}", " ")


def _key(key: str) -> str:
    is_name = re.fullmatch("[A-Za-z_][A-Za-z_0-9]*", key) and key not in KEYWORDS
    return key if is_name else _string(key)


def _string(text: str) -> str:
    quoted = json.dumps(text, ensure_ascii=False)
    if "'" in text:
        return quoted
    return "'" + quoted[1:-1].replace('\\"', '"') + "'"


def _number(value: float) -> str:
    if 0 < abs(value) < 1e-3:
        mantissa, exponent = f"{value:e}".split("e")
        return f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"
    return json.dumps(value)
