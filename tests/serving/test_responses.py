"""JSON that every client reads."""

import json

from bert_classification.serving.responses import StrictJSONResponse


def test_a_number_that_is_not_finite_becomes_null() -> None:
    answer = StrictJSONResponse({"probs": [float("nan"), 1.5, float("inf")], "note": "\ud800é"})
    assert json.loads(answer.body) == {"probs": [None, 1.5, None], "note": "\ud800é"}
