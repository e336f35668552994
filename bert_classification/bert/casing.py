"""Whether a tokenizer lowercases, and whether its vocabulary agrees."""

import logging
import os

from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerFast

logger = logging.getLogger(__name__)


def is_lowercasing(tokenizer: Tokenizer) -> bool:
    normalizer = tokenizer.normalizer
    return normalizer is not None and normalizer.normalize_str("A") == "a"


def warn_of_wrong_casing(name: str, tokenizer: PreTrainedTokenizerFast) -> None:
    """Warns of a tokenizer whose casing cannot be that of its vocabulary."""
    pieces = [piece for piece in tokenizer.get_vocab() if not piece.startswith("[")]
    capitals = [piece for piece in pieces if _has_capitals(piece)]
    lowercases = is_lowercasing(tokenizer.backend_tokenizer)
    # A few may stand in the vocabulary of an uncased BERT.
    if lowercases and len(capitals) > len(pieces) / 100:
        logger.warning(
            "%s: the tokenizer lowercases, but %d of its word pieces have capitals (%s): a cased "
            "BERT. Set `do_lower_case` to false in its tokenizer_config.json.",
            *(name, len(capitals), capitals[0]),
        )
    if pieces and not lowercases and not capitals:
        logger.warning(
            "%s: the tokenizer keeps capitals, but none of its word pieces has one, and words with "
            "a capital become [UNK]: an uncased BERT. Set `do_lower_case` to true in its "
            "tokenizer_config.json.",
            name,
        )


def guess_casing(directory: str) -> dict[str, bool]:
    """
    Guesses the casing of a directory that holds vocab.txt alone, as an argument of
    `from_pretrained`. transformers takes such a tokenizer for an uncased one; a vocabulary with
    capitals (beside `[CLS]` and its like) is cased.
    """
    settings = ("tokenizer.json", "tokenizer_config.json")
    vocabulary = os.path.join(directory, "vocab.txt")
    if any(os.path.exists(os.path.join(directory, file)) for file in settings):
        return {}
    if not os.path.exists(vocabulary):
        return {}
    with open(vocabulary, encoding="utf-8") as lines:
        return {"do_lower_case": not any(_has_capitals(line) for line in lines)}


def _has_capitals(piece: str) -> bool:
    return not piece.startswith("[") and piece != piece.lower()
