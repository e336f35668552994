"""How much each word of a record counts for the model's answer."""

import copy
from typing import Any, NamedTuple, Sequence

import numpy
import torch
from allennlp.common.checks import ConfigurationError
from allennlp.common.util import JsonDict
from allennlp.data import Instance
from allennlp.interpret.saliency_interpreters import SaliencyInterpreter

from bert_classification.interpret.gradients import (
    build,
    check_studied,
    label_as_predicted,
    metrics_apart,
    piece_embeddings,
    piece_gradients,
    plain_model,
)
from bert_classification.interpret.words import Span, find_spans
from bert_classification.predictor import BertPredictor, check_count

INTEGRATED = "integrated-gradient"
METHODS = (INTEGRATED, "simple-gradient", "smooth-gradient")


def explain(
    predictor: BertPredictor, record: JsonDict, method: str = INTEGRATED, steps: int = 50
) -> JsonDict:
    """
    Tells what each word of a record's texts, and each word piece, adds to the answer.

    # Parameters

    method : `str`, optional (default = `integrated-gradient`)
        Integrated gradients as in `integrate`; or AllenNLP's `simple-gradient` or
        `smooth-gradient`.
    steps : `int`, optional (default = `50`)
        Of integrated gradients.

    # Returns

    `JsonDict`: `prediction`, as `allennlp predict` gives it; `method`; `words` and `pieces`, each a
    list of `{"key": ..., "choice": ...?, "text": ..., "start": ..., "end": ..., "score": ...}` with
    characters of the text under `key`, `end` exclusive. By integrated gradients a score above 0
    speaks for the answer and one below 0 against it; their sum, `total`, is what the texts change
    in the logarithm of the answer's probability (the negative loss; of a regression in the negative
    square of the distance from one above the score), up to the error of the integral; `difference`
    is that change. By the other methods scores are shares without a sign,
    whose sum is 1. What BERT does not see scores 0; special pieces are left out.

    # Raises

    `RecordError` when the record is not what the task expects, or is too long.
    """
    check_studied(predictor)
    check_method(method)
    check_count("steps", steps)
    example, instance = build(predictor, record)
    words, pieces = find_spans(predictor, example, instance["tokens"])
    sums: JsonDict = {}
    if method == INTEGRATED:
        found = integrate(predictor, label_as_predicted(predictor, instance), pieces, steps)
        scores = found.scores
        sums = {"total": float(scores.sum()), "difference": found.difference}
    else:
        scores = _of_allennlp(predictor, record, method)
        scores = scores / (sum(piece.sum(scores) for piece in pieces) or 1.0)
    return {
        "prediction": predictor.predict_instance(instance),
        "method": method,
        **sums,
        "words": [{**word.describe(), "score": word.sum(scores)} for word in words],
        "pieces": [{**piece.describe(), "score": piece.sum(scores)} for piece in pieces],
    }


def check_method(method: str) -> None:
    if method not in METHODS:
        raise ConfigurationError(f"`method` is {method!r}; expected one of {', '.join(METHODS)}.")


class Integral(NamedTuple):
    """
    scores : `numpy.ndarray`, shape `(pieces,)`: what each piece adds; special pieces nothing.
    difference : `float`: what all of them change, measured.
    """

    scores: numpy.ndarray
    difference: float


def integrate(
    predictor: BertPredictor, instance: Instance, pieces: Sequence[Span], steps: int
) -> Integral:
    """
    Computes integrated gradients (Sundararajan et al. 2017) of the negative loss of a labelled
    instance, from texts whose pieces are embedded as zeros to the texts as they are.

    AllenNLP's interpreter does so in ten steps of equal width, each from its left end, and fades
    out `[CLS]` and `[SEP]` as well, which then get a share of what the words do. Here special
    pieces stay as they are, and the steps are those of Gauss and Legendre.
    """
    embeddings = piece_embeddings(predictor, instance)
    fades = torch.zeros(len(embeddings))
    fades[[place for piece in pieces for places in piece.places for place in places]] = 1.0
    points, weights = numpy.polynomial.legendre.leggauss(steps)
    # (steps, pieces)
    factors = 1 - fades + torch.from_numpy((points + 1) / 2).float().unsqueeze(1) * fades
    gradients, _ = piece_gradients(predictor, instance, factors)
    # (pieces, width)
    integral = torch.einsum("s,spw->pw", torch.from_numpy(weights / 2).to(gradients), gradients)
    # (pieces,)
    scores = -(integral * embeddings).sum(-1).cpu() * fades
    _, (without, *_) = piece_gradients(predictor, instance, 1 - fades.unsqueeze(0))
    _, (with_all, *_) = piece_gradients(predictor, instance, torch.ones_like(factors[:1]))
    return Integral(scores.double().numpy(), without - with_all)


def _of_allennlp(predictor: BertPredictor, record: JsonDict, method: str) -> numpy.ndarray:
    """Computes the share of each piece, special ones included."""
    plain = copy.copy(predictor)
    plain._model = plain_model(predictor)
    interpreter: Any = SaliencyInterpreter.by_name(method)(plain)  # type: ignore[call-arg]
    try:
        with metrics_apart(predictor):
            found = interpreter.saliency_interpret_from_json(record)["instance_1"]
    finally:
        # Gradients take as much memory as the weights.
        predictor._model.zero_grad(set_to_none=True)
    # Where nothing has a gradient the shares are 0 / 0.
    return numpy.nan_to_num(numpy.array(found["grad_input_1"]))
