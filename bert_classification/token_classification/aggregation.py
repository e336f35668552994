"""From the probabilities of word pieces to those of words."""

import torch
from allennlp.common.checks import ConfigurationError
from torch import Tensor

AGGREGATIONS = ("first", "average", "max")


def check_aggregation(aggregation: str) -> str:
    if aggregation not in AGGREGATIONS:
        raise ConfigurationError(
            f"`aggregation` is {aggregation!r}; expected one of {', '.join(AGGREGATIONS)}."
        )
    return aggregation


def first_pieces(word_ids: Tensor) -> Tensor:
    """Marks the pieces that are the first of their word; the shape of `word_ids`, `(*, length)`."""
    before = torch.nn.functional.pad(word_ids[..., :-1], (1, 0), value=-1)
    return (word_ids >= 0) & (word_ids != before)


def word_probs(probs: Tensor, word_ids: Tensor, aggregation: str) -> Tensor:
    """
    Computes the probabilities of the tags of each word, zero where a text has fewer words than
    another.

    # Parameters

    probs : `Tensor`
        The probabilities of the tags of each piece, shape `(batch_size, windows, length, tags)`.
    word_ids : `Tensor`
        The word of each piece, or -1, shape `(batch_size, windows, length)`.
    aggregation : `str`
        `first`: those of the first piece; `average`: their mean over the pieces; `max`: those of
        the piece that is surest of its tag. As in the token classification pipeline of
        transformers.

    # Returns

    `Tensor` of shape `(batch_size, words, tags)`.
    """
    words, counted = int(word_ids.max()) + 1, word_ids >= 0
    # (batch_size, 1, 1)
    texts = torch.arange(len(probs), device=probs.device).view(-1, 1, 1)
    # Of the pieces that stand for words: their rows in the result, (pieces,), and (pieces, tags).
    rows, pieces = (texts * words + word_ids)[counted], probs[counted]
    # (batch_size * words, tags)
    result = pieces.new_zeros(len(probs) * words, probs.size(-1))
    if aggregation == "average":
        sizes = rows.bincount(minlength=len(result)).clamp(min=1)
        result = result.index_add(0, rows, pieces) / sizes.unsqueeze(-1)
    else:
        chosen = (
            first_pieces(word_ids)[counted] if aggregation == "first" else _surest(pieces, rows)
        )
        result[rows[chosen]] = pieces[chosen]
    return result.view(len(probs), words, -1)


def _surest(pieces: Tensor, rows: Tensor) -> Tensor:
    # (pieces,)
    sureness = pieces.amax(-1)
    # (rows,)
    best = sureness.new_zeros(int(rows.max()) + 1).scatter_reduce(0, rows, sureness, "amax")
    return sureness == best[rows]
