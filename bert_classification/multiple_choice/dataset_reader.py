from pathlib import Path
from typing import Any, Iterable, Mapping, NamedTuple, Optional, Sequence, Union

import numpy
from allennlp.data import DatasetReader, Field, Instance
from allennlp.data.fields import LabelField, ListField, MetadataField

from bert_classification.data.records import FORMATS, Record, RecordError
from bert_classification.data.segments import join_segments
from bert_classification.multiple_choice.articles import questions_of, read_articles
from bert_classification.multiple_choice.shapes import gold_index, read_question
from bert_classification.reader import BertReader


class Example(NamedTuple):
    prompt: str
    choices: list[str]
    label: Optional[int]


@DatasetReader.register("bert_for_multiple_choice")
class BertForMultipleChoiceReader(BertReader):
    """
    Reads prompts with two or more choices, whose number may vary by record. Each choice is read
    with the prompt: `[CLS] prompt [SEP] choice [SEP]`. Instances have the fields `tokens`, a list
    of as many texts as choices, `choices`, and, when labelled, `label`.

    Records have the keys `prompt`, `question` (optional, joined to the prompt), `choices` and
    `label`: the index of the right choice, counted from 0, or its text. Records with the keys of
    SWAG, Cosmos QA, RACE, CommonsenseQA or ARC are read as well. The format `race`, that of files
    that end in `.txt`, is a RACE file with one article, or a directory of such.

    Of a pair that is longer than `max_pieces` the beginning of the prompt is cut, so that a
    question at its end stays beside the choice; a choice is cut only where it is too long alone.

    # Parameters

    token_indexers, format, columns, encoding :
        See `BertReader`.
    """

    formats = {**FORMATS, ".txt": "race"}

    def format_of(self, path: str) -> Optional[str]:
        return super().format_of(path) or ("race" if Path(path).is_dir() else None)

    def records(self, path: str) -> Iterable[Record]:
        if self.format_of(path) == "race":
            records: Iterable[Record] = read_articles(path, self.encoding)
        else:
            records = super().records(path)
        return (question for record in records for question in questions_of(record))

    def parse(self, values: Mapping[str, Any], location: str, labelled: bool) -> Example:
        question = read_question(values)
        label = gold_index(question) if labelled else None
        return Example(question.prompt, question.choices, label)

    def to_instances(self, examples: Sequence[Example]) -> list[Instance]:
        prompts = [example.prompt for example in examples]
        choices = [choice for example in examples for choice in example.choices]
        ids = self.tokenizer.ids([*prompts, *choices])
        ids_of_choices = iter(ids[len(prompts) :])
        return [
            self._instance(example, prompt, [next(ids_of_choices) for _ in example.choices])
            for example, prompt in zip(examples, ids)
        ]

    def text_to_instance(
        self, prompt: str, choices: list[str], label: Optional[Union[str, int]] = None
    ) -> Instance:
        values = {"prompt": prompt, "choices": choices, "label": label}
        example = self.parse(values, "text_to_instance", labelled=label is not None)
        return self.to_instances([example])[0]

    def _instance(
        self, example: Example, prompt: numpy.ndarray, choices: list[numpy.ndarray]
    ) -> Instance:
        self._count(len(prompt) + max(map(len, choices)) + 3)
        pairs = [self._cut(prompt, choice) for choice in choices]
        fields: dict[str, Field] = {
            "tokens": ListField(
                [self.field(*join_segments(self.tokenizer, *pair)) for pair in pairs]
            ),
            "choices": MetadataField(example.choices),
        }
        if example.label is not None:
            fields["label"] = LabelField(example.label, skip_indexing=True)
        return Instance(fields)

    def _count(self, length: int) -> None:
        """Counts a record by its longest pair."""
        limit = self.tokenizer.max_pieces
        self.truncation = self.truncation.add(length, limit)
        if length > limit and not self.indexer.truncate_long_sequences:
            raise RecordError(
                f"A prompt and a choice of {length} word pieces, more than `max_pieces` ({limit}), "
                "with `truncate_long_sequences: false`."
            )

    def _cut(
        self, prompt: numpy.ndarray, choice: numpy.ndarray
    ) -> tuple[numpy.ndarray, numpy.ndarray]:
        room = self.tokenizer.max_pieces - 3
        choice = choice[:room]
        return prompt[max(0, len(prompt) + len(choice) - room) :], choice
