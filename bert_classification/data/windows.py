"""Overlapping windows over a text that is longer than BERT's positions."""

import numpy

Span = tuple[int, int]


def window_spans(length: int, size: int, doc_stride: int) -> list[Span]:
    """
    Lays windows that cover `length` pieces, as (start, end) with the end exclusive.

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
    Finds for each piece the index of the window in which it has most context on its shorter side,
    as in the original BERT's `run_squad`; the earlier of two equal ones.

    # Parameters

    spans : `list[tuple[int, int]]`
        As `window_spans` gives them.

    # Returns

    `numpy.ndarray` of int64, shape `(length,)`: never falling, so each window has an interval.
    """
    # (windows,) each.
    start, end = numpy.array(spans).T
    begins = numpy.concatenate([[0], _takeovers(start, end), end[-1:]])
    return numpy.repeat(numpy.arange(len(spans)), numpy.diff(begins))


def _takeovers(start: numpy.ndarray, end: numpy.ndarray) -> numpy.ndarray:
    """
    Finds for each window but the first the piece from which on it has more context than the window
    before it, shape `(windows - 1,)`.

    The context of a piece is its distance to the nearer border and a hundredth of the window's
    size. What a window has more of than the one before it grows along the pieces they share: below
    0 at first, by 2 a piece between their middles, then it stays. All counts in hundredths, which
    are whole.
    """
    larger = (end - start)[:-1] - (end - start)[1:]
    # 100 (piece - start of this) > 100 (end of the other - 1 - piece) + larger
    middle = (100 * (start[1:] + end[:-1] - 1) + larger) // 200 + 1
    # A last window that is much smaller may have more of no piece they share.
    stays_behind = 100 * (end[1:] - end[:-1]) <= larger
    return numpy.where(stays_behind, end[:-1], numpy.minimum(middle, end[:-1]))
