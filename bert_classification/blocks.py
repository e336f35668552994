"""Running text in blocks of equal length: all of a corpus, with hardly any padding."""

from typing import Iterable, Iterator, NamedTuple

import numpy
from allennlp.common.util import lazy_groups_of

from bert_classification.tokenization import WordPieces

LINES_AT_ONCE = 512
"""How many lines are tokenized in one call, and held."""


class Block(NamedTuple):
    """The line that a block begins in, and its piece ids, int32, without special pieces."""

    line: int
    ids: numpy.ndarray


def pack_blocks(lines: Iterable[tuple[int, str]], pieces: WordPieces, size: int) -> Iterator[Block]:
    """
    Lays the pieces of numbered lines end to end and cuts them into blocks of `size`; the last block
    has what is left over. Nothing is dropped but lines without a piece, and no more than
    `LINES_AT_ONCE` lines are held.
    """
    ids, numbers = numpy.empty(0, numpy.int32), numpy.empty(0, numpy.int64)
    for group in lazy_groups_of(lines, LINES_AT_ONCE):
        texts = pieces.ids([text for _, text in group])
        ids = numpy.concatenate([ids, *texts])
        numbers = numpy.concatenate(
            [numbers, numpy.repeat([number for number, _ in group], [len(text) for text in texts])]
        )
        full = len(ids) - len(ids) % size
        for start in range(0, full, size):
            yield Block(int(numbers[start]), ids[start : start + size])
        ids, numbers = ids[full:], numbers[full:]
    if len(ids):
        yield Block(int(numbers[0]), ids)
