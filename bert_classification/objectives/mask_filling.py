"""
What is asked for in place of each `[MASK]`, and the texts with the answers; masked LM and
pre-training share it.
"""

from typing import Any, Iterable, Mapping, NamedTuple, Optional

import torch
from allennlp.common.util import JsonDict
from torch import Tensor

from bert_classification.bert.word_pieces import WordPieceTokenizer
from bert_classification.data.json_values import describe, shorten
from bert_classification.data.records import RecordError
from bert_classification.data.segments import longest_first
from bert_classification.data.values import check_unicode

MAX_FILLS = 100_000
"""The most word pieces to give for all masks of a record; for one mask always all there are."""

FILL_SETTINGS: dict[str, JsonDict] = {
    "targets": {
        "description": "The word pieces to choose from, in place of all.",
        "type": ["array", "null"],
        "items": {"type": "string"},
    },
    "top_k": {
        "description": "How many of the most probable pieces to give for each mask; by default 5.",
        "type": ["integer", "null"],
        "minimum": 1,
    },
}

MaskFills = list[list[dict[str, Any]]]
"""For each mask its most probable pieces, `{"token": ..., "prob": ...}` each."""


class FillMaskQuery(NamedTuple):
    """
    A text, or a pair of texts, with masks, how many pieces to give for each, and the pieces to
    choose from; all when `target_ids` is `None`. Of masked LM also whether all masks are to be
    filled together, and whether the text, which has no mask, is to be scored.
    """

    texts: tuple[str, ...]
    top_k: int
    target_ids: Optional[list[int]]
    joint: bool = False
    score: bool = False


def parse_fill_mask_query(
    values: Mapping[str, Any], texts: tuple[str, ...], tokenizer: WordPieceTokenizer
) -> FillMaskQuery:
    """
    Reads the query in a record with the texts in question and the keys `targets` (optional) and
    `top_k` (optional; by default 5, or the number of targets).

    # Raises

    `RecordError`, which names the key: texts without mask, or with one beyond the longest text
    that BERT takes, a target that is not one word piece, a `top_k` that is not a positive number
    or gives more than `MAX_FILLS` for all masks.
    """
    masks = _count_masks(texts, tokenizer)
    target_ids = _target_ids(values.get("targets"), tokenizer)
    top_k = values.get("top_k")
    if top_k is None:
        top_k = 5 if target_ids is None else len(target_ids)
    if isinstance(top_k, bool) or not isinstance(top_k, int) or not 1 <= top_k <= len(tokenizer):
        raise RecordError(
            f"`top_k`: expected a whole number from 1 to {len(tokenizer)}, the word pieces there "
            f"are; got {describe(top_k)}."
        )
    _check_fills(masks, top_k if target_ids is None else min(top_k, len(target_ids)))
    return FillMaskQuery(texts, top_k, target_ids)


def _check_fills(masks: int, fills: int) -> None:
    if masks > 1 and masks * fills > MAX_FILLS:
        raise RecordError(
            f"`top_k`: {fills} word pieces for each of {masks} masks are {masks * fills}; expected "
            f"at most {MAX_FILLS} in all."
        )


def fill_mask(query: FillMaskQuery, probs: Tensor, tokenizer: WordPieceTokenizer) -> MaskFills:
    """
    Finds the best pieces for each mask of a query, by the probabilities of all pieces, shape
    `(masks, pieces)`.
    """
    # (pieces,) or (targets,)
    among = torch.arange(probs.size(-1), device=probs.device)
    if query.target_ids is not None:
        among = among[query.target_ids]
    # Both (masks, top_k).
    best, indices = probs[:, among].topk(min(query.top_k, len(among)))
    return [
        [
            {"token": token, "prob": prob}
            for token, prob in zip(tokenizer.convert_ids_to_tokens(ids), row.tolist())
        ]
        for ids, row in zip(among[indices].tolist(), best)
    ]


def fill_texts(query: FillMaskQuery, fills: MaskFills, mask_token: str) -> list[str]:
    """Puts the best piece in place of each mask of a query's texts."""
    fillings = (best["token"] for best, *_ in fills)
    return [fill_in(text, mask_token, fillings) for text in query.texts]


def fill_in(text: str, mask_token: str, fillings: Iterable[str]) -> str:
    """
    Puts a word piece in place of each mask, and takes no more; one that continues a word (`##ing`)
    joins what stands before it.
    """
    first, *others = text.split(mask_token)
    filled = [first]
    for part, piece in zip(others, fillings):
        if piece.startswith("##"):
            filled[-1] = filled[-1].rstrip()
            piece = piece[2:]
        filled += [piece, part]
    return "".join(filled)


def _count_masks(texts: tuple[str, ...], tokenizer: WordPieceTokenizer) -> int:
    token = tokenizer.pretrained.mask_token
    keys = " and ".join(f"`{key}`" for key, _ in zip(("text", "text_pair"), texts))
    masks = sum(text.count(token) for text in texts)
    if not masks:
        raise RecordError(f"{keys}: there is no {token} to fill in.")
    room = tokenizer.max_pieces - 1 - len(texts)
    # No text has more pieces than characters.
    if sum(map(len, texts)) > room:
        ids = tokenizer.ids(texts)
        lengths = longest_first(len(ids[0]), len(ids[1]), room) if len(ids) == 2 else (room,)
        reached = sum(int((row[:end] == tokenizer.mask_id).sum()) for row, end in zip(ids, lengths))
        if reached < masks:
            raise RecordError(
                f"{keys}: {sum(map(len, ids)) + 1 + len(ids)} word pieces, of which BERT sees "
                f"{tokenizer.max_pieces}; {masks - reached} of {masks} {token} lie beyond. Shorten "
                "the text."
            )
    return masks


def _target_ids(targets: Any, tokenizer: WordPieceTokenizer) -> Optional[list[int]]:
    if targets is None:
        return None
    if not isinstance(targets, list) or not targets:
        raise RecordError(f"`targets`: expected a list of word pieces, got {describe(targets)}.")
    if len(targets) > len(tokenizer):
        raise RecordError(
            f"`targets`: {len(targets)} are more than the {len(tokenizer)} word pieces there are."
        )
    return list(dict.fromkeys(_target_id(target, tokenizer) for target in targets))


def _target_id(target: Any, tokenizer: WordPieceTokenizer) -> int:
    """Finds the id of an entry of the vocabulary, like `##ing`, or of a text that is one piece."""
    if not isinstance(target, str) or not target.strip():
        raise RecordError(f"`targets`: expected a word piece, got {describe(target)}.")
    check_unicode("targets", target)
    entry = tokenizer.pretrained.backend_tokenizer.token_to_id(target)
    if entry is not None:
        return entry
    (ids,) = tokenizer.ids([target])
    if len(ids) != 1 or ids[0] == tokenizer.unk_id:
        known = ", ".join(tokenizer.convert_ids_to_tokens(ids.tolist())) or "nothing"
        raise RecordError(
            f"`targets`: {shorten(repr(target))} is not one word piece of this BERT, but "
            f"{shorten(known)}; one [MASK] stands for one piece."
        )
    return int(ids[0])
