"""One or two segments of word pieces, cut to fit and joined by special pieces."""

from typing import NamedTuple, Optional

import numpy

from bert_classification.bert.word_pieces import WordPieceTokenizer


class Truncation(NamedTuple):
    """How many texts were cut, of how many, and the longest seen, in word pieces."""

    cut: int = 0
    texts: int = 0
    longest: int = 0

    def add(self, length: int, limit: int) -> "Truncation":
        return Truncation(self.cut + (length > limit), self.texts + 1, max(self.longest, length))

    def __str__(self) -> str:
        return (
            f"{self.cut} of {self.texts} texts were cut; the longest has {self.longest} word pieces"
        )


def join_segments(
    tokenizer: WordPieceTokenizer,
    first: numpy.ndarray,
    second: Optional[numpy.ndarray] = None,
) -> tuple[numpy.ndarray, int]:
    """
    Makes `[CLS] first [SEP]`, or `[CLS] first [SEP] second [SEP]`, and tells where the second
    segment begins. Nothing is cut.
    """
    start = len(first) + 2
    joined = numpy.empty(start if second is None else start + len(second) + 1, numpy.int32)
    joined[0] = tokenizer.cls_id
    joined[1 : start - 1] = first
    joined[start - 1] = tokenizer.sep_id
    if second is not None:
        joined[start:-1] = second
        joined[-1] = tokenizer.sep_id
    return joined, start


def longest_first(first: int, second: int, room: int) -> tuple[int, int]:
    """
    Finds the lengths at which two segments fit into `room` together, when the longer one is cut
    first. The odd piece goes to the longer one, and to the second of two equal ones, as in
    `longest_first` of the `tokenizers` library.
    """
    if first + second <= room:
        return first, second
    shorter = min(first, second)
    short_end = min(shorter, room // 2)
    long_end = room - short_end
    return (short_end, long_end) if first <= second else (long_end, short_end)


def cut_segments(
    first: numpy.ndarray,
    second: Optional[numpy.ndarray],
    room: int,
    whole_words: Optional[WordPieceTokenizer] = None,
) -> tuple[numpy.ndarray, Optional[numpy.ndarray]]:
    """
    Cuts one or two segments to `room` pieces together, the longer one first. With the tokenizer
    `whole_words` no word is cut.
    """
    if second is None:
        return _cut(first, room, whole_words), None
    lengths = longest_first(len(first), len(second), room)
    return _cut(first, lengths[0], whole_words), _cut(second, lengths[1], whole_words)


def _cut(
    pieces: numpy.ndarray, length: int, whole_words: Optional[WordPieceTokenizer]
) -> numpy.ndarray:
    if whole_words is not None and length < len(pieces):
        while length and whole_words.continues_word(pieces[length]):
            length -= 1
    return pieces[:length]
