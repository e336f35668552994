"""Where the words that are taken out of a record, one after the other, stood in it."""

from typing import Optional, Sequence

from allennlp.common.util import JsonDict

from bert_classification.interpret.words import Segment, Span


class Remains:
    """
    What is left of the texts of a record, by the places of its characters in the texts as they
    were; blanks, which go with a word, do not count.

    # Attributes

    removed : `List[JsonDict]`
        The words taken out so far: `key`, `choice` of a list, `text`, and `start` and `end` in the
        text as it was before any was taken out.
    """

    def __init__(self) -> None:
        self.removed: list[JsonDict] = []
        self._places: dict[tuple[str, Optional[int]], list[int]] = {}

    def remove(self, words: Sequence[Span]) -> None:
        """Takes out words, each with its characters in the texts as they are now."""
        taken = [(word, self._of(word.segment), _characters(word)) for word in words]
        for word, places, (start, end) in taken:
            location = {"start": places[start], "end": places[end - 1] + 1}
            self.removed.append({**word.describe(), **location})
        # From the last one on, so that those before it stay where they are.
        for _, places, (start, end) in sorted(taken, key=lambda each: -each[2][0]):
            del places[start:end]

    def _of(self, segment: Segment) -> list[int]:
        name = (segment.key, segment.choice)
        if name not in self._places:
            self._places[name] = [
                place for place, each in enumerate(segment.text) if not each.isspace()
            ]
        return self._places[name]


def _characters(word: Span) -> tuple[int, int]:
    """Counts the characters of the text before a word, and up to its end, without blanks."""
    return _count(word.segment.text[: word.start]), _count(word.segment.text[: word.end])


def _count(text: str) -> int:
    return sum(not each.isspace() for each in text)
