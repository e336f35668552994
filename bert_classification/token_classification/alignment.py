"""Which word each word piece stands for."""

from array import array
from dataclasses import dataclass
from typing import Sequence

import numpy
from tokenizers import Encoding

from bert_classification.data.windows import Span, max_context


@dataclass(frozen=True)
class Words:
    """A text and its words, by the characters where they start and where they end (exclusive)."""

    text: str
    starts: Sequence[int]
    ends: Sequence[int]

    @property
    def tokens(self) -> list[str]:
        return [self.text[start:end] for start, end in zip(self.starts, self.ends)]

    def to_json(self) -> list[str]:
        """Gives what `allennlp evaluate` writes of the batch."""
        return self.tokens


def join_words(tokens: Sequence[str]) -> Words:
    """Joins words with a blank between them."""
    starts, ends, end = array("i"), array("i"), -1
    for token in tokens:
        starts.append(end + 1)
        end += 1 + len(token)
        ends.append(end)
    return Words(" ".join(tokens), starts, ends)


def pieces_of_words(
    encoding: Encoding, words: int, unk_id: int
) -> tuple[numpy.ndarray, numpy.ndarray]:
    """
    Gives the piece ids of a text split into words, and the word of each; a word that no piece
    stands for (a control character) gets `[UNK]`. Both int32, of shape `(length,)`.
    """
    ids = numpy.array(encoding.ids, numpy.int32)
    word_ids = numpy.array(encoding.word_ids, numpy.int32)
    missing = numpy.setdiff1d(numpy.arange(words, dtype=numpy.int32), word_ids)
    indices = numpy.searchsorted(word_ids, missing)
    return numpy.insert(ids, indices, unk_id), numpy.insert(word_ids, indices, missing)


def words_in_windows(word_ids: numpy.ndarray, spans: Sequence[Span]) -> list[numpy.ndarray]:
    """
    Gives for each window the word of each of its pieces, or -1 where the word belongs to another
    window: each belongs to the one that has most context for its first piece.
    """
    owners = max_context(list(spans))[first_pieces(word_ids)]
    return [
        numpy.where(owners[word_ids[start:end]] == window, word_ids[start:end], -1)
        for window, (start, end) in enumerate(spans)
    ]


def first_pieces(word_ids: numpy.ndarray) -> numpy.ndarray:
    """Marks the pieces that are the first of their word; shape `(length,)`."""
    return (word_ids >= 0) & (numpy.diff(word_ids, prepend=-1) != 0)
