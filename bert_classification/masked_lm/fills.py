"""What is asked for in place of each `[MASK]` of a text, and the text with the answers."""

from typing import Any, Mapping, NamedTuple, Optional, Sequence

from bert_classification.records import RecordError, describe
from bert_classification.tokenization import WordPieces


class Query(NamedTuple):
    """
    A text with masks, how many pieces to give for each, and the pieces to choose from; all when
    `target_ids` is `None`.
    """

    text: str
    top_k: int
    target_ids: Optional[list[int]]


def parse_query(values: Mapping[str, Any], text: str, pieces: WordPieces) -> Query:
    """
    The query in a record with the keys `text`, `targets` (optional) and `top_k` (optional; by
    default 5, or the number of targets).

    # Raises

    `RecordError`, which names the key: a text without mask, or with one beyond the longest text
    that BERT takes, a target that is not one word piece, a `top_k` that is not a positive number.
    """
    _check_masks(text, pieces)
    target_ids = _target_ids(values.get("targets"), pieces)
    top_k = values.get("top_k")
    if top_k is None:
        top_k = 5 if target_ids is None else len(target_ids)
    if isinstance(top_k, bool) or not isinstance(top_k, int) or not 1 <= top_k <= len(pieces):
        raise RecordError(
            f"`top_k`: expected a whole number from 1 to {len(pieces)}, the word pieces there are; "
            f"got {describe(top_k)}."
        )
    return Query(text, top_k, target_ids)


def fill_in(text: str, mask_token: str, fillings: Sequence[str]) -> str:
    """
    The text with a word piece in place of each mask; one that continues a word (`##ing`) joins what
    stands before it.
    """
    first, *others = text.split(mask_token)
    for piece, part in zip(fillings, others):
        joined = first.rstrip() + piece[2:] if piece.startswith("##") else first + piece
        first = joined + part
    return first


def _check_masks(text: str, pieces: WordPieces) -> None:
    token = pieces.pretrained.mask_token
    masks = text.count(token)
    if not masks:
        raise RecordError(f"`text`: there is no {token} to fill in.")
    room = pieces.max_pieces - 2
    # No text has more pieces than characters.
    if len(text) > room:
        (ids,) = pieces.ids([text])
        reached = int((ids[:room] == pieces.mask_id).sum())
        if reached < masks:
            raise RecordError(
                f"`text`: {len(ids) + 2} word pieces, of which BERT sees the first "
                f"{pieces.max_pieces}; {masks - reached} of {masks} {token} lie beyond. Shorten "
                "the text."
            )


def _target_ids(targets: Any, pieces: WordPieces) -> Optional[list[int]]:
    if targets is None:
        return None
    if not isinstance(targets, list) or not targets:
        raise RecordError(f"`targets`: expected a list of word pieces, got {describe(targets)}.")
    return list(dict.fromkeys(_target_id(target, pieces) for target in targets))


def _target_id(target: Any, pieces: WordPieces) -> int:
    """The id of an entry of the vocabulary, such as `##ing`, or of a text that is one piece."""
    if not isinstance(target, str) or not target.strip():
        raise RecordError(f"`targets`: expected a word piece, got {describe(target)}.")
    entry = pieces.pretrained.get_vocab().get(target)
    if entry is not None:
        return entry
    (ids,) = pieces.ids([target])
    if len(ids) != 1 or ids[0] == pieces.unk_id:
        known = ", ".join(pieces.pieces(ids.tolist())) or "nothing"
        raise RecordError(
            f"`targets`: {target!r} is not one word piece of this BERT, but {known}; one [MASK] "
            "stands for one piece."
        )
    return int(ids[0])
