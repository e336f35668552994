"""What takes several passes of BERT over a text: joint fillings, and the score of a text."""

import math
from typing import Any, Callable, NamedTuple, Sequence

import numpy
from torch import Tensor

from bert_classification.data.text_field import WordPieceField
from bert_classification.masked_lm.request import beams_of
from bert_classification.objectives.mask_filling import FillMaskQuery

Scored = Callable[[Sequence["Row"]], list[Any]]


class Row(NamedTuple):
    """
    A text as BERT reads it in one pass, the position of the mask in question, and what to take of
    the log-probabilities of all pieces there, shape `(pieces,)`.
    """

    field: WordPieceField
    position: int
    take: Callable[[Tensor], Any]


class Filling(NamedTuple):
    """Pieces for the first masks of a text, and the natural logarithm of their probability."""

    ids: tuple[int, ...]
    logprob: float


def fill_jointly(
    texts: Sequence[tuple[WordPieceField, FillMaskQuery]], mask_id: int, run: Scored
) -> list[list[Filling]]:
    """
    Finds the best fillings of all masks of each text together: from left to right, each mask given
    the pieces before it, with a beam over the fillings so far. The probability of a filling is the
    product of these, by the chain rule; a bidirectional model has one for each order of the masks,
    and this is the one of reading, as the order-based decoding of X-FACTR (Jiang et al. 2020,
    section 4). All texts go on together; `run` gives what each row takes.

    # Returns

    `List[List[Filling]]`: for each text the best fillings, best first, as many as its beam.
    """
    positions = [numpy.flatnonzero(field.ids == mask_id) for field, _ in texts]
    beams = [[Filling((), 0.0)] for _ in texts]
    for step in range(max(map(len, positions), default=0)):
        going_on = [index for index, found in enumerate(positions) if step < len(found)]
        rows = [
            _next_row(*texts[index], positions[index], filling)
            for index in going_on
            for filling in beams[index]
        ]
        results = iter(run(rows))
        for index in going_on:
            longer = [
                Filling((*filling.ids, piece), filling.logprob + logprob)
                for filling in beams[index]
                for piece, logprob in next(results)
            ]
            longer.sort(key=lambda filling: -filling.logprob)
            beams[index] = longer[: beams_of(texts[index][1])]
    return beams


def _next_row(
    field: WordPieceField, query: FillMaskQuery, positions: numpy.ndarray, filling: Filling
) -> Row:
    step = len(filling.ids)

    def take(log_probs: Tensor) -> list[tuple[int, float]]:
        targets = query.target_ids
        among = log_probs if targets is None else log_probs[targets]
        best, indices = among.topk(min(beams_of(query), len(among)))
        ids = indices.tolist() if targets is None else [targets[index] for index in indices]
        return list(zip(ids, best.tolist()))

    return Row(_with_ids(field, positions[:step], filling.ids), int(positions[step]), take)


def score_text(field: WordPieceField, mask_id: int) -> list[Row]:
    """
    Makes the rows whose results are the log-probabilities of the pieces of a text: in each one of
    them is masked, and all others are seen. Their sum is its pseudo-log-likelihood (Salazar et al.
    2020, section 2).
    """

    def take_piece(piece: int) -> Callable[[Tensor], float]:
        return lambda log_probs: log_probs[piece].item()

    # [CLS] and [SEP] are not asked for.
    return [
        Row(_with_ids(field, [position], [mask_id]), position, take_piece(piece))
        for position, piece in enumerate(field.ids.tolist()[1:-1], 1)
    ]


def pseudo_perplexity(logprobs: Sequence[float]) -> float:
    """Takes the mean over the pieces; above exp(80), where float32 ends, it is cut."""
    return math.exp(min(-sum(logprobs) / len(logprobs), 80.0))


def _with_ids(field: WordPieceField, positions: Any, ids: Sequence[int]) -> WordPieceField:
    changed = field.ids.copy()
    changed[positions] = ids
    return WordPieceField(changed, field.second, field.indexer_name, field.pad_id)
