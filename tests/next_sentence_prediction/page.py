"""How the page of next sentence prediction shows an answer."""

from typing import Any

from tests.objectives.page import shows_whether_it_follows

QUOTES_THE_INPUT = False
"""Whether the answer shows the words of the input."""


def shows(page: Any, answer: dict[str, Any]) -> bool:
    return shows_whether_it_follows(page, answer) and len(page.texts(".bars .name")) == 2
