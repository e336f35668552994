"""The window of most context, against the definition and in memory that grows with the text."""

import tracemalloc

import numpy
import pytest

from bert_classification.data.windows import max_context, window_spans


def by_definition(spans: list[tuple[int, int]]) -> list[int]:
    """Of all windows the first with the highest score, as in `run_squad` of the original BERT."""

    def score(piece: int, start: int, end: int) -> float:
        context = min(piece - start, end - 1 - piece)
        return context + 0.01 * (end - start) if start <= piece < end else -1.0

    indices = range(len(spans))
    pieces = range(spans[-1][1])
    return [max(indices, key=lambda index: score(piece, *spans[index])) for piece in pieces]


@pytest.mark.parametrize("size", [1, 2, 5, 64, 203, 380])
@pytest.mark.parametrize("doc_stride", [1, 3, 50, 101, 128, 255])
def test_each_piece_has_the_window_of_most_context(size, doc_stride) -> None:
    step = min(size, doc_stride)
    for length in {0, 1, size, size + 1, size + 2, size + step, size + 2 * step + 1, 2 * size + 7}:
        spans = window_spans(length, size, doc_stride)
        assert max_context(spans).tolist() == by_definition(spans)


def test_memory_is_linear_in_the_pieces() -> None:
    peaks = []
    for length in (10_000, 100_000, 1_000_000):
        tracemalloc.start()
        owners = max_context(window_spans(length, 384, 128))
        peaks.append(tracemalloc.get_traced_memory()[1] / length)
        tracemalloc.stop()
        assert len(owners) == length and (numpy.diff(owners) >= 0).all()
    assert max(peaks) < 50
