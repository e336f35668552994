"""A record whose words an attack changes, and what the model makes of it."""

from dataclasses import dataclass
from typing import Any, Iterator, Optional, Sequence

from allennlp.common.checks import ConfigurationError
from allennlp.common.util import JsonDict
from allennlp.data import Instance

from bert_classification.data.records import RecordError
from bert_classification.interpret.gradients import build, check_studied
from bert_classification.interpret.words import Span, find_spans
from bert_classification.predictor import BertPredictor


@dataclass
class Edited:
    """
    A record as it is changed so far.

    example, instance :
        What the reader makes of it.
    output : `JsonDict`
        What the predictor says of it.
    words : `List[Span]`
        Its words that may be changed.
    texts : `Dict[Tuple[str, Optional[int]], str]`
        Those texts of the record that are others now, by key and choice.
    """

    example: Any
    instance: Instance
    output: JsonDict
    words: list[Span]
    texts: dict[tuple[str, Optional[int]], str]


class RecordEditor:
    """
    Changes words of a record; what the model makes of a change is always a fresh prediction of the
    changed text, from its characters on.

    # Parameters

    predictor : `BertPredictor`
    keys : `Sequence[str]`, optional
        The texts whose words may be changed; by default the predictor's `attacked_keys`.
    """

    def __init__(self, predictor: BertPredictor, keys: Optional[Sequence[str]] = None) -> None:
        check_studied(predictor)
        self.predictor = predictor
        self._special = set(predictor._dataset_reader.tokenizer.pretrained.all_special_tokens)
        self.keys = tuple(keys or predictor.attacked_keys or predictor.segment_keys)
        unknown = [key for key in self.keys if key not in predictor.segment_keys]
        if unknown:
            raise ConfigurationError(
                f"`keys` has {unknown[0]!r}; the texts of this task are "
                f"{', '.join(predictor.segment_keys)}."
            )

    def open(self, record: JsonDict) -> Edited:
        """
        Reads and predicts a record.

        # Raises

        `RecordError` when it is not what the task expects.
        """
        example, instance = build(self.predictor, record)
        (output,) = self.predictor.predict_batch_instance([instance])
        self.predictor.answer(output)
        return Edited(example, instance, output, self._words(example, instance, output), {})

    def try_all(
        self, edited: Edited, changes: Sequence[Sequence[tuple[Span, str]]]
    ) -> list[Optional[Edited]]:
        """
        Predicts a record with each of several changes, in one batch.

        # Parameters

        changes : `Sequence[Sequence[Tuple[Span, str]]]`
            Each one gives some of the record's words other texts; a word whose text is empty is
            taken out, with the blank beside it.

        # Returns

        `List[Optional[Edited]]`, `None` where a change leaves nothing that the task can read.
        """
        tried = [self._apply(edited, change) for change in changes]
        examples = [each[0] for each in tried if each is not None]
        built = iter(self.predictor._dataset_reader.instances_or_errors(examples))
        instances = [None if each is None else next(built) for each in tried]
        readable = [each for each in instances if isinstance(each, Instance)]
        outputs = iter(self.predictor.predict_batch_instance(readable))
        return [
            Edited(each[0], instance, next(outputs), [], each[1])
            if each is not None and isinstance(instance, Instance)
            else None
            for each, instance in zip(tried, instances)
        ]

    def look_at(self, edited: Edited) -> Edited:
        """Finds the words that may be changed next."""
        edited.words = self._words(edited.example, edited.instance, edited.output)
        return edited

    def _words(self, example: Any, instance: Instance, output: JsonDict) -> list[Span]:
        words, _ = find_spans(self.predictor, example, instance["tokens"])
        protected = self.predictor.protected_spans(output)
        return [
            word
            for word in words
            if word.segment.key in self.keys
            and word.places
            and word.text not in self._special
            and not any(word.start < end and start < word.end for start, end in protected)
        ]

    def _apply(
        self, edited: Edited, change: Sequence[tuple[Span, str]]
    ) -> Optional[tuple[Any, dict[tuple[str, Optional[int]], str]]]:
        example, texts = edited.example, dict(edited.texts)
        # From the last one on, so that those before it stay where they are.
        ordered = sorted(change, key=lambda each: -each[0].start)
        for segment in dict.fromkeys(word.segment for word, _ in ordered):
            text = segment.text
            for word, other in (each for each in ordered if each[0].segment == segment):
                text = _replace(text, word, other)
            texts[segment.key, segment.choice] = text
            try:
                if not text.strip():
                    return None
                example = self.predictor.with_text(example, segment.key, segment.choice, text)
            except RecordError:
                return None
        return example, texts


def _replace(text: str, word: Span, other: str) -> str:
    before, after = text[: word.start], text[word.end :]
    if not other and (not before or before[-1:].isspace()):
        after = after.lstrip()
    return before + other + after if after or other else before.rstrip()


def describe_texts(edited: Edited) -> list[JsonDict]:
    """Lists the texts of a record that were changed: `key`, `choice` of a list, and `text`."""
    return [
        {"key": key, **({} if choice is None else {"choice": choice}), "text": text}
        for (key, choice), text in edited.texts.items()
    ]


def chunks(items: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    """Cuts a list into parts of at most `size`."""
    return (items[start : start + size] for start in range(0, len(items), size))
