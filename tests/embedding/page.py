"""How the page of embedding shows an answer."""

from typing import Any

QUOTES_THE_INPUT = True
"""Whether the answer shows the words of the input."""

RECORD = {
    "query": "Where does the bus stop?",
    "documents": ["It stops at the bridge.", "The soup was warm.", "There is no bus."],
}
"""What is typed, where the page asks for something else than `/predict`."""

FIRST_KEY = "texts[0]"
"""How messages name the first field."""


def request_of(typed: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    return "similarity", {"texts": [typed["query"], *typed["documents"]]}


def shows(page: Any, answer: dict[str, Any]) -> bool:
    own = answer["similarities"][0]
    documents = [each.get_property("value") for each in page(".list input")]
    order = sorted(range(len(documents)), key=lambda at: -own[at + 1])
    squares = page.texts(".near")
    return (
        page.texts(".bars .name") == [documents[at] for at in order]
        and page.texts("#headline") == [documents[order[0]]]
        and squares
        == [f"{each:.2f}".replace("-", "−") for row in answer["similarities"] for each in row]
    )
