"""How the page of sequence to sequence shows an answer."""

from typing import Any

QUOTES_THE_INPUT = False
"""Whether the answer shows the words of the input."""


def shows(page: Any, answer: dict[str, Any]) -> bool:
    looked_at = answer["cross_attention"]
    # Of more word pieces there is no map.
    is_shown = max(len(looked_at["source"]), len(looked_at["target"])) <= 30
    rows = page.texts(".heat [role=rowheader]")
    columns = page.texts(".heat [role=columnheader]")
    return page.texts("mark.written") == [answer["text"]] and (
        (rows, columns) == (looked_at["target"], looked_at["source"])
        if is_shown
        else (rows, columns) == ([], [])
    )
