"""How the page of classification shows an answer."""

from typing import Any

QUOTES_THE_INPUT = False
"""Whether the answer shows the words of the input."""


def shows(page: Any, answer: dict[str, Any]) -> bool:
    best, names = answer["label"], page.texts(".bars .name")
    first, headline = page.texts(".chosen .name")[:1], page.texts("#headline")[0]
    return first == [best] and headline.startswith(best) and len(names) == len(answer["probs"])
