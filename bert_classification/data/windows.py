"""Overlapping windows over a text that is longer than BERT's positions."""

import numpy

Span = tuple[int, int]


def window_spans(length: int, size: int, doc_stride: int) -> list[Span]:
    """
    Windows that cover `length` pieces, as (start, end) with the end exclusive.

    # Parameters

    size : `int`
        The pieces in a window; at least 1.
    doc_stride : `int`
        How far a window begins after the one before it, as in the original BERT's `run_squad`. It
        is at most `size`, or pieces between two windows would be left out; a larger one counts as
        `size`.

    # Returns

    `list[tuple[int, int]]`: at least one window, and none that lies within another.
    """
    step = max(1, min(doc_stride, size))
    starts = range(0, max(length - size, 0) + step, step)
    return [(start, min(start + size, length)) for start in starts]


def max_context(spans: list[Span]) -> numpy.ndarray:
    """
    For each piece the number of the window in which it has most context on its shorter side, as in
    the original BERT's `run_squad`; the earlier of two equal ones. Shape `(length,)`.
    """
    length = spans[-1][1]
    scores = numpy.full((len(spans), length), -1.0)
    for number, (start, end) in enumerate(spans):
        indices = numpy.arange(end - start)
        scores[number, start:end] = numpy.minimum(indices, indices[::-1]) + 0.01 * (end - start)
    return scores.argmax(0) if length else numpy.zeros(0, dtype=int)
