"""Predictions for Label Studio's `Labels`, which mark the answer, and `TextArea`."""

from typing import Any

CONTROLS = ("Labels", "TextArea")
TEXT_KEY = "context"
LABEL = "answer"
"""Of the span, where the interface has it in any case; otherwise its first label."""


def values(output: dict[str, Any], control: Any) -> list[dict[str, Any]]:
    """Gives the values of a control tag for an output of the predictor."""
    if not output["answer"]:
        return []
    if control.kind == "TextArea":
        return [{"text": [output["answer"]]}]
    span = {"start": output["start"], "end": output["end"], "text": output["answer"]}
    names = control.names
    label = names.get(LABEL) or next(iter(names.values()), LABEL)
    return [{**span, "labels": [label], "score": output["score"]}]


def score(output: dict[str, Any]) -> float:
    """Tells how sure the output is."""
    return output["score"]
