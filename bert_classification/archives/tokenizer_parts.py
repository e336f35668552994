"""
What the tokenizer of an archive does with a text before it looks for word pieces: only what takes
time and memory in proportion to the text. The library's other parts let a few bytes of settings
search with a regular expression, which may take forever, or make a text a thousand times as long.
"""

import json
from pathlib import Path
from typing import Any, Iterator

from bert_classification.archives.extraction import InvalidArchiveError, describe_error

PARTS = {
    "normalizer": frozenset(
        "BertNormalizer Lowercase NFC NFD NFKC NFKD Nmt Sequence Strip StripAccents".split()
    ),
    "pre_tokenizer": frozenset(
        "BertPreTokenizer ByteLevel CharDelimiterSplit Digits Metaspace Punctuation Sequence "
        "UnicodeScripts Whitespace WhitespaceSplit".split()
    ),
}
MAX_PARTS = 32
MAX_WORD = 1_000
"""Characters of a word that is looked up, which takes their square in time; BERT's are 100."""


def check_parts(path: Path) -> None:
    """Raises `InvalidArchiveError` for a tokenizer.json with other parts, or very many."""
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        reason = describe_error(error)
        raise InvalidArchiveError(f"its {path.name} is damaged ({reason}).") from error
    if not isinstance(settings, dict):
        raise InvalidArchiveError(f"its {path.name} is no object.")
    model = settings.get("model")
    longest = model.get("max_input_chars_per_word", 0) if isinstance(model, dict) else 0
    if not isinstance(longest, int) or longest > MAX_WORD:
        raise InvalidArchiveError(
            f"`max_input_chars_per_word` in its {path.name} is {str(longest)[:100]}; expected at "
            f"most {MAX_WORD}."
        )
    for key, kinds in PARTS.items():
        for number, part in enumerate(_parts(settings.get(key)), 1):
            kind = part.get("type")
            known = isinstance(kind, str) and (kind in kinds or _shortens(part))
            if not known or number > MAX_PARTS:
                raise InvalidArchiveError(
                    f"the `{key}` in its {path.name} has a part of the type {str(kind)[:100]!r}, "
                    f"or more than {MAX_PARTS} parts; a text might take without end."
                )


def _parts(part: Any) -> Iterator[dict[str, Any]]:
    """Yields a part and those in it; what is neither is left to the library, which refuses it."""
    if isinstance(part, dict):
        yield part
        inner = part.get("normalizers", part.get("pretokenizers"))
        for each in inner if isinstance(inner, list) else ():
            yield from _parts(each)


def _shortens(part: dict[str, Any]) -> bool:
    """Tells of a replacement of one word by another that is no longer."""
    pattern, content = part.get("pattern"), part.get("content")
    word = pattern.get("String") if isinstance(pattern, dict) and len(pattern) == 1 else None
    return part["type"] == "Replace" and all(
        (isinstance(word, str), isinstance(content, str), len(str(content)) <= len(str(word)))
    )
