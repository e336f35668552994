"""The spans that the tags of a text stand for."""

from typing import Any, Sequence

from seqeval.metrics.sequence_labeling import get_entities

from bert_classification.token_classification.alignment import Words


def find_entities(
    words: Words, tags: Sequence[str], scores: Sequence[float]
) -> list[dict[str, Any]]:
    """
    Finds the entities in a text, as seqeval finds them by default: an `I-` that continues none
    begins one.

    # Parameters

    words : `Words`
        The words of the text.
    tags : `Sequence[str]`
        The tag of each word.
    scores : `Sequence[float]`
        The probability of each tag.

    # Returns

    `List[Dict[str, Any]]`: of each entity `text`, `type`, `start` and `end` (exclusive) as
    characters of the text, and `score`, the mean of the scores of its words.
    """
    found = []
    for kind, first, last in get_entities(list(tags)):
        start, end = words.starts[first], words.ends[last]
        score = sum(scores[first : last + 1]) / (last + 1 - first)
        entity = {"text": words.text[start:end], "type": kind, "start": start, "end": end}
        found.append({**entity, "score": score})
    return found
