"""How the page of text similarity shows an answer."""

from typing import Any

QUOTES_THE_INPUT = False
"""Whether the answer shows the words of the input."""


def shows(page: Any, answer: dict[str, Any]) -> bool:
    return page.texts("#headline")[0] == f"{answer['similarity']:.2f}"
