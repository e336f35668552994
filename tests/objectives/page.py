"""How a page shows what two tasks share: filled masks, and whether a text follows another."""

from typing import Any


def shows_fills(page: Any, answer: dict[str, Any]) -> bool:
    slots = [fill[0]["token"].removeprefix("##") for fill in answer["fills"]]
    tokens = [each["token"] for fill in answer["fills"] for each in fill]
    numbered = [f"{token}{number}" for number, token in enumerate(slots, 1)]
    return (
        page.texts(".bars .name")[: len(tokens)] == tokens and page.texts("mark.slot") == numbered
    )


def shows_whether_it_follows(page: Any, answer: dict[str, Any]) -> bool:
    # Of pre-training the candidates for the masks come before.
    last = page.texts(".chosen .name")[-1:]
    return answer["label"] != "is_next" or last == ["The second text follows"]
