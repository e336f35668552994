"""What a record asks a zero-shot classifier."""

from typing import Any, Mapping, NamedTuple

from bert_classification.data.json_values import describe, shorten
from bert_classification.data.records import RecordError
from bert_classification.data.values import check_unicode, get_flag, get_setting, get_text

MAX_LABELS = 1000
MAX_TEMPLATE = 1000
"""Characters; each label makes a text of its own of them."""

TEMPLATE = "This example is {}."
PLACE = "{}"

SETTINGS = {
    "hypothesis_template": {
        "description": "The sentence about the text that a label is put into, in the place of {}.",
        "type": ["string", "null"],
        "default": TEMPLATE,
    },
    "multi_label": {
        "description": "True scores each label by itself, where several may fit.",
        "type": ["boolean", "null"],
        "default": False,
    },
}


class ZeroShotRequest(NamedTuple):
    """
    A text, the labels to choose from, the hypothesis that each of them makes, and whether several
    labels may fit.
    """

    text: str
    labels: list[str]
    hypotheses: list[str]
    multi_label: bool


def parse_request(values: Mapping[str, Any]) -> ZeroShotRequest:
    """
    Reads a record.

    # Raises

    `RecordError`, which names the key: no text; `labels` that are none, more than `MAX_LABELS`, no
    strings, empty or twice the same; a template without `{}`, or of more than `MAX_TEMPLATE`
    characters.
    """
    text = get_text(values, "text", "sentence")
    labels = _get_labels(values)
    template = get_setting(
        values,
        "hypothesis_template",
        TEMPLATE,
        f"a text of up to {MAX_TEMPLATE} characters with {PLACE} where the label goes",
        lambda value: isinstance(value, str) and PLACE in value and len(value) <= MAX_TEMPLATE,
    )
    check_unicode("hypothesis_template", template)
    # No `str.format`, which would look into objects for a template that says so.
    hypotheses = [template.replace(PLACE, label) for label in labels]
    return ZeroShotRequest(text, labels, hypotheses, get_flag(values, "multi_label"))


def _get_labels(values: Mapping[str, Any]) -> list[str]:
    labels = values.get("labels")
    if not isinstance(labels, list) or not labels:
        raise RecordError(
            f"`labels`: expected a list of labels to choose from, got {describe(labels)}."
        )
    if len(labels) > MAX_LABELS:
        raise RecordError(f"`labels`: {len(labels)} labels; expected at most {MAX_LABELS}.")
    for number, label in enumerate(labels, 1):
        if not isinstance(label, str) or not label.strip():
            raise RecordError(
                f"`labels`: expected words that are not empty, got {describe(label)} (label "
                f"{number})."
            )
        check_unicode("labels", label)
    twice = [label for label, other in zip(sorted(labels), sorted(labels)[1:]) if label == other]
    if twice:
        raise RecordError(f"`labels`: {shorten(repr(twice[0]))} stands there twice; name it once.")
    return labels
