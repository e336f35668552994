"""Blocks: every piece once, in its order, without holding the text."""

import itertools

import numpy
import pytest

from bert_classification.data.blocks import blocks


@pytest.mark.parametrize("lengths", [[], [0, 0], [1], [7], [3, 0, 2, 9, 1], [4, 4], [1] * 9])
def test_blocks_hold_every_piece_once(lengths: list[int]) -> None:
    ids = numpy.arange(sum(lengths), dtype=numpy.int32)
    parts = numpy.split(ids, numpy.cumsum(lengths)[:-1]) if lengths else []
    made = [block for block, _ in blocks(zip(parts, itertools.count(1)), 4)]
    assert [len(block) for block in made[:-1]] == [4] * (len(made) - 1)
    assert sum((block.tolist() for block in made), []) == ids.tolist()
    assert all(len(block) for block in made)


def test_blocks_know_the_line_they_begin_in() -> None:
    lines = [(numpy.arange(5), 1), (numpy.arange(0), 2), (numpy.arange(4), 3)]
    assert [line for _, line in blocks(lines, 3)] == [1, 1, 3]


def test_blocks_of_an_endless_text() -> None:
    endless = ((numpy.array([line]), line) for line in itertools.count())
    first = list(itertools.islice(blocks(endless, 2), 3))
    assert [block.tolist() for block, _ in first] == [[0, 1], [2, 3], [4, 5]]
