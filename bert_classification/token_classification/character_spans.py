"""Spans of characters to a tag for each word."""

from collections import Counter
from typing import Any, Mapping, NamedTuple, Sequence

import numpy

from bert_classification.data.json_values import describe
from bert_classification.data.records import RecordError
from bert_classification.data.values import check_label
from bert_classification.token_classification.alignment import Words

ALIGNMENTS = ("error", "expand", "contract", "drop")


class Span(NamedTuple):
    """The characters of a text from `start` to before `end`; `key` names it in messages."""

    start: int
    end: int
    type: str
    key: str
    is_whole: bool = True


def get_spans(values: Mapping[str, Any], text: str) -> list[Span]:
    """
    Reads the spans under `entities`, each `{"start": ..., "end": ..., "type": ...}`, with `text`
    optional; `RecordError` for one that is outside of the text, or has another text there.
    """
    entities = values["entities"]
    if not isinstance(entities, list):
        raise RecordError(f"`entities`: expected a list, got {describe(entities)}.")
    return [_get_span(each, f"entities[{index}]", text) for index, each in enumerate(entities)]


def _get_span(entity: Any, key: str, text: str) -> Span:
    if not isinstance(entity, dict):
        raise RecordError(
            f"`{key}`: expected an object with `start`, `end` and `type`, got {describe(entity)}."
        )
    start, end, kind = (entity.get(name) for name in ("start", "end", "type"))
    named = f"`{key}`" + (f" ({entity['name']})" if "name" in entity else "")
    if type(start) is not int or type(end) is not int or not 0 <= start < end <= len(text):
        raise RecordError(
            f"{named}: from {describe(start)} to {describe(end)}; expected `start` before `end`, "
            f"within the {len(text)} characters of the text."
        )
    if not isinstance(kind, str):
        raise RecordError(f"{named}: expected a string as `type`, got {describe(kind)}.")
    expected = entity.get("text")
    # Tools write a line end as a blank, or as two characters.
    if isinstance(expected, str) and expected.split() != text[start:end].split():
        raise RecordError(
            f"{named}: {describe(expected)} is not at the characters {start} to {end}; "
            f"{describe(text[start:end])} is."
        )
    parts = entity.get("parts")
    return Span(start, end, check_label(kind, f"{key}.type"), named, parts is None)


def tags_of_spans(
    words: Words, spans: Sequence[Span], alignment: str, counts: Counter[str]
) -> list[str]:
    """
    Gives a tag of IOB2 for each word.

    # Parameters

    words : `Words`
    spans : `Sequence[Span]`
    alignment : `str`
        What becomes of a span that cuts a word: `expand` takes in all of the word, `contract`
        leaves the word out, `drop` leaves out the span, `error` raises `RecordError`. So it is of a
        span in several parts, of which `expand` and `contract` take what lies from the first to the
        last; and of several that overlap the longest stays.
    counts : `Counter[str]`
        Counts what was `expanded`, `contracted` or `dropped`.
    """
    tags = ["O"] * len(words.starts)
    starts, ends = numpy.asarray(words.starts), numpy.asarray(words.ends)
    placed = {(span.start, span.end, span.type): span for span in spans}.values()
    aligned = [(*_align(words, starts, ends, span, alignment, counts), span) for span in placed]
    # The longest first; of equal ones that which begins first.
    for first, last, span in sorted(aligned, key=lambda each: (each[0] - each[1], each[0])):
        if first == last:
            continue
        if any(tag != "O" for tag in tags[first:last]):
            if alignment == "error":
                raise RecordError(_overlap(span, words))
            counts["dropped"] += 1
            continue
        tags[first:last] = [f"B-{span.type}"] + [f"I-{span.type}"] * (last - first - 1)
    return tags


def _align(
    words: Words,
    starts: numpy.ndarray,
    ends: numpy.ndarray,
    span: Span,
    alignment: str,
    counts: Counter[str],
) -> tuple[int, int]:
    """Finds the first word of a span and the one after its last; the same where it has none."""
    touched = _between(ends, starts, span)
    inside = _between(starts, ends, span, whole=True)
    if touched == inside and span.is_whole and touched[0] < touched[1]:
        return touched
    if alignment == "error":
        raise RecordError(_cut(span, words, touched))
    found = {"expand": touched, "contract": inside, "drop": (0, 0)}[alignment]
    kept = found[0] < found[1]
    counts[{"expand": "expanded", "contract": "contracted"}[alignment] if kept else "dropped"] += 1
    return found if kept else (0, 0)


def _between(
    lower: numpy.ndarray, upper: numpy.ndarray, span: Span, whole: bool = False
) -> tuple[int, int]:
    """Finds the words whose `lower` end is behind, and whose `upper` is before, those of a span."""
    if whole:
        first = int(numpy.searchsorted(lower, span.start, "left"))
        return first, max(first, int(numpy.searchsorted(upper, span.end, "right")))
    first = int(numpy.searchsorted(lower, span.start, "right"))
    return first, max(first, int(numpy.searchsorted(upper, span.end, "left")))


def _cut(span: Span, words: Words, touched: tuple[int, int]) -> str:
    shown = describe(words.text[span.start : span.end])
    if not span.is_whole:
        reason = "has several parts"
    elif touched[0] == touched[1]:
        reason = "has no word in it"
    else:
        around = words.text[words.starts[touched[0]] : words.ends[touched[1] - 1]]
        reason = f"cuts a word, of {describe(around)}"
    return (
        f"{span.key}: {shown}, characters {span.start} to {span.end}, {reason}. Let "
        "`dataset_reader.span_alignment` be expand, contract or drop."
    )


def _overlap(span: Span, words: Words) -> str:
    return (
        f"{span.key}: {describe(words.text[span.start : span.end])}, characters {span.start} to "
        f"{span.end}, overlaps another span. With `dataset_reader.span_alignment` expand, contract "
        "or drop the longest stays."
    )
