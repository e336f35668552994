"""Predictions for Label Studio's `Labels`."""

from typing import Any

CONTROLS = ("Labels",)
TEXT_KEY = "text"


def values(output: dict[str, Any], control: Any) -> list[dict[str, Any]]:
    """Gives the values of a control tag for an output of the predictor."""
    return [
        {
            **{key: entity[key] for key in ("start", "end", "text")},
            "labels": [entity["type"]],
            "score": entity["score"],
        }
        for entity in output["entities"]
    ]


def score(output: dict[str, Any]) -> float:
    """Tells how sure the output is."""
    return min((entity["score"] for entity in output["entities"]), default=1.0)
