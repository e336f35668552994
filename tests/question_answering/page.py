"""How the page of question answering shows an answer."""

from typing import Any

QUOTES_THE_INPUT = True
"""Whether the answer shows the words of the input."""


def shows(page: Any, answer: dict[str, Any]) -> bool:
    marks = [answer["answer"]] if answer["answer"] else []
    first, headline = page.texts(".chosen .name")[:1], page.texts("#headline")[0]
    return page.texts("mark.answer") == marks and first == [headline] == (marks or ["No answer"])
