"""The words and pieces of a record's texts, and where BERT reads each of them."""

from difflib import SequenceMatcher
from typing import Any, Iterator, NamedTuple, Optional, Sequence

import numpy
from allennlp.common.util import JsonDict
from allennlp.data import Field
from allennlp.data.fields import ListField
from tokenizers import Encoding

from bert_classification.data.text_field import WordPieceField
from bert_classification.predictor import BertPredictor

Places = list[int]
"""Of pieces, counted through all rows that BERT reads of a record."""


class Segment(NamedTuple):
    """A text of a record, under its key; of a list of texts, which one it is."""

    key: str
    choice: Optional[int]
    text: str


class Span(NamedTuple):
    """
    A word, or a piece, of a segment, by its characters, `end` exclusive. `places` lists its pieces
    in each row that has it, none where BERT does not see it. `number` counts the words of a
    segment; it is `None` of a special piece that stands in the text.
    """

    segment: Segment
    start: int
    end: int
    number: Optional[int]
    places: list[Places]

    @property
    def text(self) -> str:
        return self.segment.text[self.start : self.end]

    def sum(self, scores: numpy.ndarray) -> float:
        """Adds up what the pieces of the span have, in all rows."""
        return float(sum(scores[places].sum() for places in self.places))

    def describe(self) -> JsonDict:
        """Gives `key`, `choice` where the key holds a list, `text`, `start` and `end`."""
        of_list = {} if self.segment.choice is None else {"choice": self.segment.choice}
        location = {"text": self.text, "start": self.start, "end": self.end}
        return {"key": self.segment.key, **of_list, **location}


def find_spans(
    predictor: BertPredictor, example: Any, tokens: Field
) -> tuple[list[Span], list[Span]]:
    """
    Finds the words, and the pieces, of the texts of an example, in the order of their segments.

    # Parameters

    predictor : `BertPredictor`
        Its `segment_keys` say which texts BERT reads.
    example : `Any`
        What the reader's `parse` made.
    tokens : `Field`
        What the reader made of the example.
    """
    rows: list[Any] = list(tokens.field_list) if isinstance(tokens, ListField) else [tokens]
    segments = [list(_segments(key, getattr(example, key))) for key in predictor.segment_keys]
    flat = [segment for among in segments for segment in among]
    encodings = dict(
        zip(flat, predictor._dataset_reader.tokenizer.encode([each.text for each in flat]))
    )
    places: dict[Segment, list[dict[int, int]]] = {segment: [] for segment in flat}
    start = 0
    for index, row in enumerate(rows):
        for among, part in zip(segments, _parts(row)):
            if among:
                segment = among[min(index, len(among) - 1)]
                places[segment].append(_align(row.ids, part, encodings[segment], start))
        start += len(row)
    words = [word for each in flat for word in _words(each, encodings[each], places[each])]
    pieces = [piece for each in flat for piece in _pieces(each, encodings[each], places[each])]
    return words, pieces


def _segments(key: str, texts: Any) -> Iterator[Segment]:
    if isinstance(texts, list):
        yield from (Segment(key, index, text) for index, text in enumerate(texts))
    elif texts is not None:
        yield Segment(key, None, texts)


def _parts(row: WordPieceField) -> tuple[range, range]:
    """Gives where the first and the second text stand in a row, between special pieces."""
    return range(1, row.second - 1), range(row.second, len(row) - 1)


def _align(ids: numpy.ndarray, part: range, encoding: Encoding, start: int) -> dict[int, int]:
    """Finds the place of each piece of a text that is in a row, whole or cut."""
    in_row = ids[part.start : part.stop].tolist()
    matched = SequenceMatcher(None, in_row, encoding.ids, autojunk=False)
    return {
        in_text + offset: start + part.start + first + offset
        for first, in_text, length in matched.get_matching_blocks()
        for offset in range(length)
    }


def _words(segment: Segment, encoding: Encoding, rows: Sequence[dict[int, int]]) -> Iterator[Span]:
    of_words: dict[Any, list[int]] = {}
    for piece, word in enumerate(encoding.word_ids):
        # A special piece that stands in the text belongs to no word.
        of_words.setdefault(("piece", piece) if word is None else word, []).append(piece)
    for word, pieces in of_words.items():
        start = encoding.offsets[pieces[0]][0]
        end = encoding.offsets[pieces[-1]][1]
        number = word if isinstance(word, int) else None
        yield Span(segment, start, end, number, _places(pieces, rows))


def _pieces(segment: Segment, encoding: Encoding, rows: Sequence[dict[int, int]]) -> Iterator[Span]:
    for piece, ((start, end), word) in enumerate(zip(encoding.offsets, encoding.word_ids)):
        yield Span(segment, start, end, word, _places([piece], rows))


def _places(pieces: Sequence[int], rows: Sequence[dict[int, int]]) -> list[Places]:
    found = [[row[piece] for piece in pieces if piece in row] for row in rows]
    return [places for places in found if places]
