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
    """Whether a piece is the first of its word; the shape of `word_ids`, `(*, length)`."""
    before = torch.nn.functional.pad(word_ids[..., :-1], (1, 0), value=-1)
    return (word_ids >= 0) & (word_ids != before)


def word_probs(probs: Tensor, word_ids: Tensor, aggregation: str) -> Tensor:
    """
    The probabilities of the tags of each word, zero where a text has fewer words than another.

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
    rows = torch.arange(len(probs), device=probs.device).view(-1, 1, 1)
    slots, pieces = (rows * words + word_ids)[counted], probs[counted]
    result = pieces.new_zeros(len(probs) * words, probs.size(-1))
    if aggregation == "average":
        sizes = slots.bincount(minlength=len(result)).clamp(min=1)
        result = result.index_add(0, slots, pieces) / sizes.unsqueeze(-1)
    else:
        chosen = (
            first_pieces(word_ids)[counted] if aggregation == "first" else _surest(pieces, slots)
        )
        result[slots[chosen]] = pieces[chosen]
    return result.view(len(probs), words, -1)


def _surest(pieces: Tensor, slots: Tensor) -> Tensor:
    sureness = pieces.amax(-1)
    best = sureness.new_zeros(int(slots.max()) + 1).scatter_reduce(0, slots, sureness, "amax")
    return sureness == best[slots]
