"""
The routes that explain an answer: word importance, attacks, attention, nearest training examples.
"""

from functools import partial
from typing import Any, Callable

from allennlp.common.util import JsonDict
from fastapi import FastAPI, Request
from fastapi.responses import StreamingResponse

from bert_classification.predictor import BertPredictor
from bert_classification.serving import attacks, attention, nearest, saliency
from bert_classification.serving.description import REFUSALS, describe_explanation
from bert_classification.serving.lines import MEDIA_TYPE, answer_lines, refuse_records
from bert_classification.serving.predictions import Predictions
from bert_classification.serving.responses import StrictJSONResponse

HOTFLIP, REDUCTION = "/attack/hotflip", "/attack/input-reduction"


def kinds_of_explanations(predictor: BertPredictor) -> dict[str, bool]:
    """Tells which of the explanations a task has, as `GET /about` does."""
    has_labels = saliency.can_tell_importance(predictor)
    return {
        "saliency": has_labels,
        "attack": attacks.can_attack(predictor),
        "attention": has_labels,
        "nearest": nearest.kept_examples(predictor) is not None,
    }


def add_explanations(
    app: FastAPI, kinds: JsonDict, predictor: Any, predictions: Predictions
) -> None:
    """Adds a route for each of the `kinds` that are true."""
    add = partial(add_explanation, app, predictor, predictions)
    add_lines = partial(add_explanation_in_lines, app, predictor, predictions)
    if kinds["saliency"]:
        add("/saliency", saliency.word_importance, saliency.MAX_PIECES)
    if kinds["attack"]:
        add_lines(HOTFLIP, attacks.flip_words, attacks.MAX_PIECES)
        add_lines(REDUCTION, attacks.leave_out_words, attacks.MAX_PIECES)
    if kinds["attention"]:
        add("/attention", attention.attention, attention.MAX_TEXT)
    if kinds["nearest"]:
        add("/nearest", nearest.nearest_examples, nearest.MAX_PIECES)


def add_explanation(
    app: FastAPI,
    predictor: Any,
    predictions: Predictions,
    path: str,
    explain: Callable[[Any, JsonDict], Any],
    max_pieces: int,
) -> None:
    @app.post(path, responses=REFUSALS, **describe_explanation(predictor, path))
    async def explanation(request: Request) -> StrictJSONResponse:
        with refuse_records():
            record = await predictions.read_record(request, max_pieces)
            explained = await predictions.call(explain, predictor, record)
        return StrictJSONResponse(explained)


def add_explanation_in_lines(
    app: FastAPI,
    predictor: Any,
    predictions: Predictions,
    path: str,
    explain: Callable[[Any, JsonDict], Any],
    max_pieces: int,
) -> None:
    described = describe_explanation(predictor, path, MEDIA_TYPE)

    @app.post(path, response_class=StreamingResponse, responses=REFUSALS, **described)
    async def explanation(request: Request) -> StreamingResponse:
        return await answer_lines(partial(explain, predictor), request, predictions, max_pieces)
