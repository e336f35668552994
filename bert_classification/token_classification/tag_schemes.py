"""
The ways to write spans as a tag for each word. IOB2 begins each span with `B-`; IOB1 only a span
that touches one of its own type before it; BIOES marks the end with `E-` and a single word with
`S-`.
"""

from typing import Callable, Sequence

from allennlp.common.checks import ConfigurationError

from bert_classification.data.json_values import shorten
from bert_classification.data.records import RecordError

PREFIXES = {"IOB1": ("B", "I"), "IOB2": ("B", "I"), "BIOES": ("B", "I", "E", "S")}


def check_scheme(scheme: str, key: str) -> str:
    if scheme not in list(PREFIXES):
        raise ConfigurationError(f"`{key}` is {scheme!r}; expected one of {', '.join(PREFIXES)}.")
    return scheme


def split_tag(tag: str, scheme: str, key: str = "tags") -> tuple[str, str]:
    """
    Splits a tag into its prefix and its type; the type of `O` is empty.

    # Raises

    `RecordError`, which names the key where the tag stands, when the scheme has no such tag.
    """
    prefix, _, kind = tag.partition("-")
    if tag == "O" or (prefix in PREFIXES[scheme] and kind):
        return prefix, kind
    expected = ", ".join(f"{prefix}-TYPE" for prefix in PREFIXES[scheme])
    raise RecordError(
        f"`{key}`: {shorten(repr(tag))} is not a tag of {scheme}; expected O, {expected}. "
        "`dataset_reader.tag_scheme` names the scheme of the data."
    )


def to_iob2(tags: Sequence[str], scheme: str) -> list[str]:
    """
    Writes the same spans in IOB2. A tag that continues a span where there is none of its type to
    continue begins one, as in the CoNLL scorer.
    """
    converted, open_type = [], ""
    for tag in tags:
        prefix, kind = split_tag(tag, scheme)
        continues = prefix in ("I", "E") and kind == open_type
        converted.append("O" if prefix == "O" else f"{'I' if continues else 'B'}-{kind}")
        open_type = "" if prefix in ("O", "E", "S") else kind
    return converted


def from_iob2(tags: Sequence[str], scheme: str) -> list[str]:
    """Writes tags in IOB2, each `I-` of which continues a span, in another scheme."""
    convert = _FROM_IOB2[scheme]
    neighbours = zip(["O", *tags], tags, [*tags[1:], "O"])
    return [convert(before, tag, after) for before, tag, after in neighbours]


def iob2_names(names: Sequence[str], scheme: str) -> list[str]:
    """Lists the tags of a scheme as tags of IOB2, in their order, and then those it lacks."""
    split = [split_tag(name, scheme, "label_names") for name in names]
    prefixes = {"O": "O", "B": "B-", "S": "B-", "I": "I-", "E": "I-"}
    given = [prefixes[prefix] + kind for prefix, kind in split]
    complete = ["O", *(f"{prefix}-{kind}" for _, kind in split if kind for prefix in "BI")]
    return list(dict.fromkeys([*given, *complete]))


def count_malformed(tags: Sequence[str], converted: Sequence[str], scheme: str) -> int:
    """Counts tags that are not what `scheme` has for the spans in `converted`, which are IOB2."""
    return sum(tag != proper for tag, proper in zip(tags, from_iob2(converted, scheme)))


def _to_iob1(before: str, tag: str, after: str) -> str:
    return f"I{tag[1:]}" if tag[0] == "B" and before[1:] != tag[1:] else tag


def _to_bioes(before: str, tag: str, after: str) -> str:
    if tag == "O" or after == f"I{tag[1:]}":
        return tag
    return f"{'S' if tag[0] == 'B' else 'E'}{tag[1:]}"


_FROM_IOB2: dict[str, Callable[[str, str, str], str]] = {
    "IOB1": _to_iob1,
    "IOB2": lambda before, tag, after: tag,
    "BIOES": _to_bioes,
}
