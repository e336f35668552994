"""How the page of causal language modelling shows an answer."""

from typing import Any

QUOTES_THE_INPUT = True
"""Whether the answer shows the words of the input."""


def shows(page: Any, answer: dict[str, Any]) -> bool:
    return page.texts("mark.written") == [answer["continuation"]]
