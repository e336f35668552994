"""
Answers as spans: characters of a context to pieces in windows, and scores of pieces back to the
best characters.
"""

import unicodedata
from typing import NamedTuple, Optional, TypedDict

import numpy
import torch
from tokenizers import Encoding
from torch import Tensor
from torch.nn.functional import cross_entropy, pad

from bert_classification.data.label_field import IGNORE_INDEX
from bert_classification.data.windows import Span, max_context, window_spans
from bert_classification.question_answering.squad import Answer


def character_offsets(text: str, encoding: Encoding) -> numpy.ndarray:
    """
    Finds the first character of each piece, and the one after its last; int32, shape `(pieces, 2)`.
    Accents that stand as characters of their own, and that an uncased tokenizer drops, belong to
    the piece before them.
    """
    offsets = numpy.array(encoding.offsets, numpy.int32).reshape(-1, 2)
    if not text.isascii() and any(unicodedata.category(character) == "Mn" for character in text):
        limits = [*offsets[1:, 0].tolist(), len(text)]
        ends = offsets[:, 1].tolist()
        offsets[:, 1] = [_after_accents(text, end, limit) for end, limit in zip(ends, limits)]
    return offsets


def _after_accents(text: str, end: int, limit: int) -> int:
    while end < limit and unicodedata.category(text[end]) == "Mn":
        end += 1
    return end


def context_windows(pieces: int, question: int, max_pieces: int, doc_stride: int) -> numpy.ndarray:
    """
    Lays the windows `[CLS] question [SEP] part of the context [SEP]` over a context.

    # Parameters

    pieces, question : `int`
        The number of pieces of the context and of the question.
    max_pieces : `int`
        The most pieces in a window, special pieces included.
    doc_stride : `int`
        See `window_spans`.

    # Returns

    `numpy.ndarray` of int64, shape `(windows, 5)`: the index in the context of the window's first
    context piece; the positions in the window at which the context begins and ends; and those at
    which the pieces begin and end that have most context in this window. All ends are exclusive.
    """
    spans = window_spans(pieces, max_pieces - question - 3, doc_stride)
    begin = question + 2
    first, last = numpy.array(spans).T
    owners = max_context(spans)
    indices = numpy.arange(len(spans))
    owned = [numpy.searchsorted(owners, indices, side) for side in ("left", "right")]
    ends = (position - first + begin for position in (last, *owned))
    return numpy.stack([first, numpy.full_like(first, begin), *ends], axis=1)


def answer_span(offsets: numpy.ndarray, answer: Answer) -> Optional[Span]:
    """
    Finds the first and the last piece that have a character of the answer; `None` when none has.
    """
    first = int(numpy.searchsorted(offsets[:, 1], answer.start, side="right"))
    end = answer.start + len(answer.text)
    last = int(numpy.searchsorted(offsets[:, 0], end, side="left")) - 1
    return (first, last) if first <= last else None


def gold_positions(windows: numpy.ndarray, span: Optional[Span]) -> numpy.ndarray:
    """
    Tells where the answer begins and ends in each window, both 0, which is `[CLS]`, in one that
    does not hold all of it; shape `(2, windows)`.
    """
    if span is None:
        return numpy.zeros((2, len(windows)), int)
    first, begin, end = windows.T[:3]
    positions = numpy.array(span)[:, None] - first + begin
    inside = (positions[0] >= begin) & (positions[1] < end)
    return numpy.where(inside, positions, 0)


def span_loss(start_logits: Tensor, end_logits: Tensor, starts: Tensor, ends: Tensor) -> Tensor:
    """
    Takes the mean of the cross-entropies of starts and ends over all windows, shapes
    `(*, length)` and `(*)`; positions outside the window are ignored, as in transformers.
    """
    losses = [
        cross_entropy(
            logits.flatten(0, -2),
            positions.where(positions < logits.size(-1), IGNORE_INDEX).flatten(),
            ignore_index=IGNORE_INDEX,
        )
        for logits, positions in ((start_logits, starts), (end_logits, ends))
    ]
    return (losses[0] + losses[1]) / 2


class BestSpans(NamedTuple):
    """
    The best answers to each question, best first.

    span_scores : `Tensor`
        Sum of the logits of start and end, shape `(batch_size, n_best)`; minus infinity where there
        are no more spans.
    span_starts, span_ends : `Tensor`
        Characters of the context, the end exclusive, shape `(batch_size, n_best)`.
    null_score : `Tensor`
        The score of no answer: the lowest of the question's windows, as in the original BERT's
        `run_squad`, shape `(batch_size,)`.
    """

    span_scores: Tensor
    span_starts: Tensor
    span_ends: Tensor
    null_score: Tensor


def best_spans(
    start_logits: Tensor,
    end_logits: Tensor,
    windows: Tensor,
    offsets: Tensor,
    n_best: int,
    max_answer_length: int,
) -> BestSpans:
    """
    Finds the best spans over all windows of each question: of all pairs of a start and an end in
    the context of one window, not only of its best starts and ends.

    # Parameters

    start_logits, end_logits : `Tensor`
        Shape `(batch_size, windows, length)`.
    windows : `Tensor`
        See `context_windows`; shape `(batch_size, windows, 5)`, zero where a question has no more
        windows.
    offsets : `Tensor`
        See `character_offsets`; shape `(batch_size, pieces, 2)`.
    n_best : `int`
        How many spans.
    max_answer_length : `int`
        The most pieces in a span.
    """
    starts, ends = start_logits.float(), end_logits.float()
    null_scores = (starts + ends)[..., 0].masked_fill(windows[..., 2] == 0, torch.inf)
    # No span is longer than a window.
    scores = _span_scores(starts, ends, windows, min(max_answer_length, starts.size(-1)))
    best, found = scores.flatten(1).topk(min(n_best, scores[0].numel()))
    # (batch, n_best) each.
    window, position, longer = torch.unravel_index(found, scores.shape[1:])
    first = (windows[..., 0] - windows[..., 1]).gather(1, window) + position
    first = first.where(best > -torch.inf, 0)
    last = first + longer.where(best > -torch.inf, 0)
    # A context without a single piece has no offsets.
    offsets = pad(offsets, (0, 0, 0, 1))
    characters = offsets[..., 0].gather(1, first), offsets[..., 1].gather(1, last)
    return BestSpans(best, *characters, null_score=null_scores.amin(1))


def _span_scores(starts: Tensor, ends: Tensor, windows: Tensor, max_answer_length: int) -> Tensor:
    """
    Scores the span that begins at a position and is so many pieces longer than one, shape
    `(batch_size, windows, length, max_answer_length)`; minus infinity where there is no such span,
    or where another window has more context at its start.
    """
    _, begin, end, own_begin, own_end = windows.unsqueeze(-2).unbind(-1)  # (batch, windows, 1)
    positions = torch.arange(starts.size(-1), device=starts.device)
    starts = starts.masked_fill((positions < own_begin) | (positions >= own_end), -torch.inf)
    ends = ends.masked_fill((positions < begin) | (positions >= end), -torch.inf)
    ends_by_length = pad(ends, (0, max_answer_length - 1), value=-torch.inf)
    # (batch, windows, length, 1) + (batch, windows, length, max_answer_length)
    return starts.unsqueeze(-1) + ends_by_length.unfold(-1, max_answer_length, 1)


class WindowLogits(TypedDict):
    """
    The logits of a window `[CLS] question [SEP] part of the context [SEP]`, for a decoder of one's
    own.

    start_logits, end_logits : `List[float]`
        The score of each piece of the window as the first and as the last of the answer.
    offsets : `List[Optional[Tuple[int, int]]]`
        The characters of the context that each piece stands for, the end exclusive; `None` for the
        special pieces and those of the question. The first piece is the `[CLS]`, whose logits are
        those of no answer.
    """

    start_logits: list[float]
    end_logits: list[float]
    offsets: list[Optional[Span]]


def window_logits(
    start_logits: Tensor, end_logits: Tensor, windows: Tensor, offsets: Tensor
) -> list[WindowLogits]:
    """
    Takes padding from the logits of one question, and says what their pieces stand for; the shapes
    are those of `best_spans` without `batch_size`.
    """
    characters = offsets.tolist()
    given = []
    for starts, ends, (first, begin, end, *_) in zip(start_logits, end_logits, windows.tolist()):
        # A question with fewer windows than another has empty ones.
        if end:
            inside = characters[first : first + end - begin]
            given.append(
                WindowLogits(
                    start_logits=starts[: end + 1].tolist(),
                    end_logits=ends[: end + 1].tolist(),
                    offsets=[None] * begin + inside + [None],
                )
            )
    return given
