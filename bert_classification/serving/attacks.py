"""What would change an answer, and what it does not need, as the page shows them."""

from itertools import islice
from typing import Iterator

from allennlp.common.checks import ConfigurationError
from allennlp.common.util import JsonDict

from bert_classification.data.text_field import check_num_pieces
from bert_classification.interpret.gradients import build
from bert_classification.interpret.hotflip import HotFlip
from bert_classification.interpret.reduction import InputReduction
from bert_classification.predictor import BertPredictor
from bert_classification.serving.saliency import can_tell_importance

MAX_PIECES = 512
"""A step of an attack runs a dozen texts of this length, and other requests wait for it."""

MAX_STEPS = 256
"""The last words of a long text may need as many trials as there are pairs of them."""


def can_attack(predictor: BertPredictor) -> bool:
    """Tells whether the task's answers can be others, which the score of a regression cannot."""
    if not can_tell_importance(predictor):
        return False
    try:
        predictor.answer(predictor.predict_json(predictor.example))
    except ConfigurationError:
        return False
    return True


def flip_words(predictor: BertPredictor, record: JsonDict) -> Iterator[JsonDict]:
    """
    Exchanges words of a record until the answer changes, five at most; gives the result of
    `HotFlip.attack` as it is before the first and after each of them.

    # Raises

    `RecordError` when the record is not what the task expects, or has more than `MAX_PIECES`.
    """
    _check_length(predictor, record)
    yield from HotFlip(predictor).steps(record)


def leave_out_words(predictor: BertPredictor, record: JsonDict) -> Iterator[JsonDict]:
    """
    Takes words out of a record as long as the answer stays; gives the result of
    `InputReduction.attack` as it is after each batch of trials, `MAX_STEPS` at most.

    # Raises

    `RecordError` as `flip_words`.
    """
    _check_length(predictor, record)
    yield from islice(InputReduction(predictor).steps(record), MAX_STEPS)


def _check_length(predictor: BertPredictor, record: JsonDict) -> None:
    _, instance = build(predictor, record)
    check_num_pieces(instance, MAX_PIECES, "words are exchanged or left out")
