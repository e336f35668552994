"""What a record asks of masked language modelling, beside the fillings of each mask by itself."""

from typing import Any, Mapping

from allennlp.common.util import JsonDict

from bert_classification.bert.word_pieces import WordPieceTokenizer
from bert_classification.data.records import RecordError
from bert_classification.data.values import get_flag
from bert_classification.objectives.mask_filling import (
    FILL_SETTINGS,
    FillMaskQuery,
    parse_fill_mask_query,
)

MAX_JOINT_MASKS = 32
MAX_JOINT_FILLINGS = 100
MIN_BEAMS = 10
"""Fewer fillings than that are the best of so many."""

SETTINGS: dict[str, JsonDict] = {
    **FILL_SETTINGS,
    "joint": {
        "description": "True gives, as `joint`, the best fillings of all masks together.",
        "type": ["boolean", "null"],
        "default": False,
    },
    "score": {
        "description": "True gives the pseudo-log-likelihood of a text without masks.",
        "type": ["boolean", "null"],
        "default": False,
    },
}


def parse_query(
    values: Mapping[str, Any], text: str, tokenizer: WordPieceTokenizer
) -> FillMaskQuery:
    """
    Reads the query in a record: `targets`, `top_k`, `joint` and `score`, all optional.

    # Raises

    `RecordError`, which names the key, as `parse_fill_mask_query`; for more than `MAX_JOINT_MASKS`
    masks, or `MAX_JOINT_FILLINGS` of them, with `joint`; with `score` for a text that has a mask or
    more word pieces than BERT takes, and for a setting that goes with masks alone.
    """
    if get_flag(values, "score"):
        return _parse_score(values, text, tokenizer)
    query = parse_fill_mask_query(values, (text,), tokenizer)
    if not get_flag(values, "joint"):
        return query
    masks = text.count(tokenizer.pretrained.mask_token)
    if masks > MAX_JOINT_MASKS:
        raise RecordError(
            f"`joint`: {masks} masks; expected at most {MAX_JOINT_MASKS} to fill together."
        )
    if query.top_k > MAX_JOINT_FILLINGS:
        raise RecordError(
            f"`top_k`: {query.top_k} fillings; with `joint` expected at most {MAX_JOINT_FILLINGS}."
        )
    return query._replace(joint=True)


def _parse_score(
    values: Mapping[str, Any], text: str, tokenizer: WordPieceTokenizer
) -> FillMaskQuery:
    idle = [key for key in SETTINGS if key != "score" and values.get(key) not in (None, False)]
    if idle:
        raise RecordError(f"`{idle[0]}` has no meaning with `score: true`; leave it out.")
    if tokenizer.pretrained.mask_token in text:
        raise RecordError(
            f"`score`: a text with {tokenizer.pretrained.mask_token} has no likelihood of its own; "
            "fill it in first."
        )
    length = len(tokenizer.ids([text])[0]) + 2
    if not 2 < length <= tokenizer.max_pieces:
        raise RecordError(
            f"`text`: {length} word pieces with [CLS] and [SEP]; to be scored expected from 3 to "
            f"{tokenizer.max_pieces} (`max_pieces` of the token indexer), since none is cut."
        )
    return FillMaskQuery((text,), 1, None, score=True)


def beams_of(query: FillMaskQuery) -> int:
    """Tells how many joint fillings are followed, of which `top_k` are given."""
    return max(query.top_k, MIN_BEAMS)


def pieces_to_read(query: FillMaskQuery, length: int, masks: int) -> int:
    """Counts the word pieces that BERT reads, in all passes, of a text of so many."""
    if query.score:
        return length * (length - 2)
    # Beside the fillings of each mask by itself.
    return length * (2 + (masks - 1) * beams_of(query)) if query.joint else length
