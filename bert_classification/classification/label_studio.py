"""Predictions for Label Studio's `Choices`, `Number` and `Rating`."""

from typing import Any

CONTROLS = ("Choices", "Number", "Rating")
TEXT_KEY = "text"


def values(output: dict[str, Any], control: Any) -> list[dict[str, Any]]:
    """Gives the values of a control tag for an output of the predictor."""
    if "score" in output:
        return [
            {"number": output["score"]}
            if control.kind == "Number"
            else {"rating": round(output["score"])}
        ]
    if control.kind != "Choices":
        return []
    labels = output.get("labels", [output.get("label")])
    return [{"choices": labels}] if labels else []


def score(output: dict[str, Any]) -> float:
    """Tells how sure the output is."""
    if "label" in output:
        return max(output["probs"])
    return min((max(each, 1 - each) for each in output.get("probs", [])), default=0.0)
