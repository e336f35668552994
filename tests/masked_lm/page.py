"""How the page of masked LM shows an answer."""

from typing import Any

from tests.objectives.page import shows_fills

QUOTES_THE_INPUT = True
"""Whether the answer shows the words of the input."""


def shows(page: Any, answer: dict[str, Any]) -> bool:
    return shows_fills(page, answer)
