"""What a record asks to have in its output, and the output as it was asked for."""

from typing import Any, Mapping, NamedTuple, Optional, Union

import numpy
from allennlp.common.util import JsonDict
from allennlp.models import Model

from bert_classification.classification.objectives import MultiLabel, Regression, SingleLabel
from bert_classification.data.records import RecordError
from bert_classification.data.values import get_flag, get_real, get_setting, is_whole
from bert_classification.predictor import ABSTAIN

ALL = "all"

SETTINGS: dict[str, JsonDict] = {
    "top_k": {
        "description": "Give so many of the most probable labels as `top_k`; of all: `all`.",
        "anyOf": [{"type": "integer", "minimum": 1}, {"const": ALL}, {"type": "null"}],
    },
    "threshold": {
        "description": "The probability from which on a label is given, in place of the model's.",
        "type": ["number", "null"],
        "minimum": 0,
        "maximum": 1,
    },
    "probs": {
        "description": "False leaves out `probs` and `logits`, which have a number for each label.",
        "type": ["boolean", "null"],
        "default": True,
    },
    **ABSTAIN,
}

Objective = Union[SingleLabel, MultiLabel, Regression]


class Request(NamedTuple):
    """
    What a record asks for, in keys of these names; one that is missing or null has its default.

    top_k : `Union[int, str]`, optional
        How many of the most probable labels to give as `top_k`, `{"label": ..., "prob": ...}` each;
        `all` gives all of them. By default as many as the model's `top_k` says, if any.
    threshold : `float`, optional
        Of many labels: the probability, from 0 to 1, from which on each of them is given; by
        default the model's thresholds.
    probs : `bool`, optional (default = `True`)
        Whether `probs` and `logits` are in the output, which have a number for each label.
    """

    top_k: Any = None
    threshold: Optional[float] = None
    probs: bool = True


def find_objective(model: Model) -> Optional[Objective]:
    """Finds the objective of a model, or of the one that it is put around; else `None`."""
    kinds = (SingleLabel, MultiLabel, Regression)
    return next((each for each in model.modules() if isinstance(each, kinds)), None)


def parse_request(values: Mapping[str, Any], objective: Optional[Objective]) -> Request:
    """
    Reads what a record asks for.

    # Raises

    `RecordError` for a value of the wrong type or out of range, and for a setting that has no
    meaning with the model's `problem_type`.
    """
    known = () if objective is None else objective.settings
    foreign = [key for key in SETTINGS if values.get(key) is not None and key not in known]
    if foreign:
        raise RecordError(
            f"`{foreign[0]}` has no meaning for this model, which takes "
            f"{', '.join(f'`{key}`' for key in known) or 'no settings'}; leave it out."
        )
    return Request(
        get_setting(values, "top_k", None, f"a whole number from 1 on, or {ALL!r}", _is_top_k),
        get_real(values, "threshold", None, "from 0 to 1", lambda value: 0 <= value <= 1),
        get_flag(values, "probs", True),
    )


def _is_top_k(value: Any) -> bool:
    return value == ALL or is_whole(value, 1, 2**63 - 1)


def shape_output(output: JsonDict, request: Request, objective: Any) -> JsonDict:
    """Makes an output the one that was asked for; `probs` are left out later."""
    shaped, named = dict(output), list(zip(objective.names, output["probs"]))
    if request.threshold is not None:
        # The model compares in 32 bits.
        threshold = float(numpy.float32(request.threshold))
        shaped["labels"] = [name for name, prob in named if prob >= threshold]
    if request.top_k is not None:
        best = sorted(named, key=lambda each: -each[1])
        count = None if request.top_k == ALL else request.top_k
        shaped["top_k"] = [{"label": name, "prob": prob} for name, prob in best[:count]]
    return shaped
