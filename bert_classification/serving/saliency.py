"""How much each word of a record counts for the model's answer."""

from collections import defaultdict
from difflib import SequenceMatcher
from typing import Any, Iterator, NamedTuple, Optional, Sequence

import numpy
from allennlp.common.util import JsonDict
from allennlp.data.fields import ListField
from allennlp.interpret.saliency_interpreters import IntegratedGradient

from bert_classification.bert.encoder import TextInput
from bert_classification.data.records import RecordError
from bert_classification.data.text_field import WordPieceField
from bert_classification.predictor import BertPredictor

MAX_PIECES = 2048
"""Gradients keep everything that was computed of every word piece."""


class Segment(NamedTuple):
    """A text of a record, under its key; of a list of texts, which one it is."""

    key: str
    choice: Optional[int]
    text: str


class Word(NamedTuple):
    """Where a word stands in a segment, in characters, `end` exclusive."""

    segment: Segment
    start: int
    end: int


def can_tell_importance(predictor: BertPredictor) -> bool:
    """
    Tells whether the task has labels, BERT reads all texts as one row, without padding, and there
    are gradients, which integers have none of; and the reader's word pieces are known.
    """
    wanted: TextInput = predictor._model.text_input
    in_one_row = not (wanted.output_hidden_states or wanted.output_attentions)
    has_pieces = predictor._dataset_reader.tokenizer is not None
    has_texts = bool(predictor.segment_keys) and has_pieces
    return has_texts and in_one_row and predictor.precision != "int8"


def word_importance(predictor: BertPredictor, record: JsonDict) -> list[JsonDict]:
    """
    Tells the share of each word of a record's texts in the answer, by integrated gradients
    (Sundararajan et al. 2017): ten forward and backward passes.

    # Returns

    `List[JsonDict]`: `key` and `text`, `start` and `end` (exclusive, in characters), `score`, whose
    sum is 1, and `choice`, the index of the text, where the key holds a list. A word that BERT does
    not see scores 0; special pieces are left out.

    # Raises

    `RecordError` when the record is not what the task expects, or has more than `MAX_PIECES`.
    """
    example = predictor._dataset_reader.parse(record, "the record", labelled=False)
    rows = _rows(predictor._json_to_instance(record)["tokens"])
    if (pieces := sum(map(len, rows))) > MAX_PIECES:
        raise RecordError(
            f"the record has {pieces} word pieces in all; word importance is told of up to "
            f"{MAX_PIECES}. Shorten it."
        )
    segments = [list(_segments(key, getattr(example, key))) for key in predictor.segment_keys]
    scores: dict[Word, float] = defaultdict(float)
    for index, (row, shares) in enumerate(zip(rows, _shares(predictor, record, rows))):
        spans = (slice(1, row.second - 1), slice(row.second, -1))
        for span, among in zip(spans, segments):
            if among:
                segment = among[min(index, len(among) - 1)]
                for word, score in _words(predictor, segment, row.ids[span], shares[span]):
                    scores[word] += score
    total = sum(scores.values()) or 1.0
    return [_describe(word, score / total) for word, score in scores.items()]


def _rows(tokens: Any) -> list[Any]:
    return list(tokens.field_list) if isinstance(tokens, ListField) else [tokens]


def _segments(key: str, texts: Any) -> Iterator[Segment]:
    if isinstance(texts, list):
        yield from (Segment(key, index, text) for index, text in enumerate(texts))
    elif texts is not None:
        yield Segment(key, None, texts)


def _shares(
    predictor: BertPredictor, record: JsonDict, rows: Sequence[WordPieceField]
) -> list[numpy.ndarray]:
    """Computes the share of each piece of each row; BERT reads the rows laid end to end."""
    try:
        found = IntegratedGradient(predictor).saliency_interpret_from_json(record)["instance_1"]
    finally:
        # Gradients take as much memory as the weights.
        predictor._model.zero_grad(set_to_none=True)
    # Where nothing has a gradient the shares are 0 / 0.
    shares = numpy.nan_to_num(numpy.array(found["grad_input_1"]))
    return numpy.split(shares, numpy.cumsum([len(row) for row in rows])[:-1])


def _words(
    predictor: BertPredictor, segment: Segment, ids: numpy.ndarray, shares: numpy.ndarray
) -> Iterator[tuple[Word, float]]:
    """Yields all words of a segment, with the shares of those of their pieces that are in a row."""
    (encoding,) = predictor._dataset_reader.tokenizer.encode([segment.text])
    of_pieces = numpy.zeros(len(encoding))
    matched = SequenceMatcher(None, ids.tolist(), encoding.ids, autojunk=False)
    for in_row, in_text, length in matched.get_matching_blocks():
        of_pieces[in_text : in_text + length] = shares[in_row : in_row + length]
    for piece, word in enumerate(encoding.word_ids):
        # A special piece that stands in the text belongs to no word.
        span = None if word is None else encoding.word_to_chars(word)
        start, end = span or encoding.offsets[piece]
        yield Word(segment, start, end), float(of_pieces[piece])


def _describe(word: Word, score: float) -> JsonDict:
    key, choice, text = word.segment
    of_list = {} if choice is None else {"choice": choice}
    location = {"text": text[word.start : word.end], "start": word.start, "end": word.end}
    return {"key": key, **of_list, **location, "score": score}
