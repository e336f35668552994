"""How the page of token classification shows an answer."""

from typing import Any

QUOTES_THE_INPUT = True
"""Whether the answer shows the words of the input."""


def shows(page: Any, answer: dict[str, Any]) -> bool:
    marks = [each["text"] + each["type"] for each in answer["entities"]]
    return page.texts("mark.entity") == marks and page.texts(".legend li") != []
