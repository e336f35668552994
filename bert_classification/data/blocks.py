"""Word pieces of running text, cut into blocks of equal length."""

from typing import Iterable, Iterator

import numpy

Pieces = tuple[numpy.ndarray, int]
"""The ids of some word pieces, and the number of the line they begin in."""


def blocks(pieces: Iterable[Pieces], size: int) -> Iterator[Pieces]:
    """
    Lays pieces end to end and cuts them into blocks; no piece is lost, repeated or added, and never
    more than one block is held.

    # Parameters

    pieces : `Iterable[Tuple[numpy.ndarray, int]]`
        The ids of each line in turn, with its number.
    size : `int`
        The pieces in a block; at least 1. Special pieces are the caller's.

    # Returns

    `Iterator[Tuple[numpy.ndarray, int]]`: the ids of each block with the number of the line it
    begins in. The last block holds what remains, from 1 to `size` pieces.
    """
    parts: list[numpy.ndarray] = []
    room, line = size, 0
    for ids, number in pieces:
        while len(ids):
            line = line if parts else number
            parts.append(ids[:room])
            ids, room = ids[room:], room - len(parts[-1])
            if not room:
                yield numpy.concatenate(parts), line
                parts, room = [], size
    if parts:
        yield numpy.concatenate(parts), line
