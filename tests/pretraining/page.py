"""How the page of pre-training shows an answer."""

from typing import Any

from tests.objectives.page import shows_fills, shows_whether_it_follows

QUOTES_THE_INPUT = True
"""Whether the answer shows the words of the input."""


def shows(page: Any, answer: dict[str, Any]) -> bool:
    return shows_whether_it_follows(page, answer) and shows_fills(page, answer)
