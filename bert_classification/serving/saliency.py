"""Word importance as the page shows it."""

import numpy
from allennlp.common.util import JsonDict

from bert_classification.interpret.gradients import MAX_PIECES, build, label_as_predicted
from bert_classification.interpret.saliency import integrate
from bert_classification.interpret.words import find_spans
from bert_classification.predictor import BertPredictor

STEPS = 10

__all__ = ["MAX_PIECES", "can_tell_importance", "word_importance"]


def can_tell_importance(predictor: BertPredictor) -> bool:
    """
    Tells whether the task has labels, the reader's word pieces are known, and there are gradients,
    which integers have none of.
    """
    has_texts = bool(predictor.segment_keys) and predictor._dataset_reader.tokenizer is not None
    return has_texts and predictor.precision != "int8"


def word_importance(predictor: BertPredictor, record: JsonDict) -> list[JsonDict]:
    """
    Tells the share of each word of a record's texts in the answer, by integrated gradients: ten
    forward and backward passes, see `interpret.saliency.integrate`.

    # Returns

    `List[JsonDict]`: `key` and `text`, `start` and `end` (exclusive, in characters), `score`, whose
    sum is 1, and `choice`, the index of the text, where the key holds a list. A word that BERT does
    not see scores 0; special pieces are left out.

    # Raises

    `RecordError` when the record is not what the task expects, or has more than `MAX_PIECES`.
    """
    example, instance = build(predictor, record)
    words, pieces = find_spans(predictor, example, instance["tokens"])
    labelled = label_as_predicted(predictor, instance)
    shares = numpy.abs(integrate(predictor, labelled, pieces, STEPS).scores)
    scores = [word.sum(shares) for word in words]
    total = sum(scores) or 1.0
    return [{**word.describe(), "score": score / total} for word, score in zip(words, scores)]
