import logging
import unicodedata
from typing import Any, Iterable, Mapping, NamedTuple, Optional, Sequence

import numpy
from allennlp.common.checks import ConfigurationError
from allennlp.data import DatasetReader, Field, Instance
from allennlp.data.fields import ListField, MetadataField, TensorField

from bert_classification.data.label_field import IGNORE_INDEX
from bert_classification.data.records import FORMATS, Record, RecordError, begins_list
from bert_classification.data.segments import join_segments
from bert_classification.data.values import get_flag, get_text
from bert_classification.question_answering.spans import (
    answer_span,
    character_offsets,
    context_windows,
    gold_positions,
)
from bert_classification.question_answering.squad import Answer, get_answers, read_squad
from bert_classification.reader import BertReader

logger = logging.getLogger(__name__)

ANSWER_NAMESPACE = "answer_labels"
IMPOSSIBLE = "impossible"


class Example(NamedTuple):
    question: str
    context: str
    answers: Optional[list[Answer]]
    id: Any
    wants_logits: bool = False


class Context(NamedTuple):
    """A context in pieces; questions about the same one share it."""

    text: str
    ids: numpy.ndarray
    offsets: numpy.ndarray


class GoldAnswers(MetadataField):
    """The texts of the gold answers; the vocabulary learns of impossible questions from it."""

    def count_vocab_items(self, counter: dict[str, dict[str, int]]) -> None:
        if not self.metadata:
            counter[ANSWER_NAMESPACE][IMPOSSIBLE] += 1


@DatasetReader.register("bert_for_question_answering")
class BertForQuestionAnsweringReader(BertReader):
    """
    Reads questions about contexts: SQuAD's JSON, version 1.1 or 2.0 (`.json`, or format `squad`),
    JSON lines, TSV or CSV with the keys `question`, `context`, `answers` (see `squad.get_answers`),
    `is_impossible` (optional) and `id` (optional).

    A context is read in windows `[CLS] question [SEP] part of the context [SEP]`, as long as
    `max_pieces` of the token indexer permits. All windows of a question are one instance, and are
    in one batch, with the fields `tokens`, `windows`, `offsets`, `metadata` and, when labelled,
    `start_positions`, `end_positions` (of the first answer; 0, the `[CLS]`, in a window that does
    not hold it) and `answers`.

    # Parameters

    token_indexers, format, columns, encoding :
        See `BertReader`.
    doc_stride : `int`, optional (default = `128`)
        How many pieces a window begins after the one before it, as in the original BERT's
        `run_squad`; at most the pieces of context in a window.
    max_query_length : `int`, optional (default = `64`)
        The most pieces of a question; longer ones are cut and counted.
    """

    formats = {**FORMATS, ".json": "squad"}

    def __init__(self, doc_stride: int = 128, max_query_length: int = 64, **kwargs) -> None:
        super().__init__(**kwargs)
        if doc_stride < 1:
            raise ConfigurationError(f"`doc_stride` is {doc_stride}; expected at least 1.")
        if not 1 <= max_query_length <= self.tokenizer.max_pieces - 4:
            raise ConfigurationError(
                f"`max_query_length` is {max_query_length}; expected from 1 to "
                f"{self.tokenizer.max_pieces - 4}: with 3 special pieces and one of the context it "
                f"has to fit into `max_pieces` of the token indexer ({self.tokenizer.max_pieces})."
            )
        self._doc_stride = doc_stride
        self._max_query_length = max_query_length

    def format_of(self, path: str) -> Optional[str]:
        format = super().format_of(path)
        is_list = format == "squad" != self.format and begins_list(path, self.encoding)
        return "jsonl" if is_list else format

    def records(self, path: str) -> Iterable[Record]:
        if self.format_of(path) == "squad":
            return read_squad(path, self.encoding)
        return super().records(path)

    def parse(self, values: Mapping[str, Any], location: str, labelled: bool) -> Example:
        context = get_text(values, "context")
        if not any(map(_is_visible, context)):
            raise RecordError("`context`: the text has no visible character.")
        return Example(
            get_text(values, "question"),
            context,
            get_answers(values, context) if labelled else None,
            values.get("id"),
            not labelled and get_flag(values, "logits"),
        )

    def to_instances(self, examples: Sequence[Example]) -> list[Instance]:
        texts = list(dict.fromkeys(example.context for example in examples))
        encodings = self.tokenizer.encode([*texts, *(example.question for example in examples)])
        contexts = {
            text: Context(
                text, numpy.array(encoding.ids, numpy.int32), character_offsets(text, encoding)
            )
            for text, encoding in zip(texts, encodings)
        }
        questions = (numpy.array(each.ids, numpy.int32) for each in encodings[len(texts) :])
        return [
            self._instance(example, question, contexts[example.context])
            for example, question in zip(examples, questions)
        ]

    def text_to_instance(
        self, question: str, context: str, answers: Optional[list[dict[str, Any]]] = None
    ) -> Instance:
        values = {"question": question, "context": context, "answers": answers}
        example = self.parse(values, "text_to_instance", labelled=answers is not None)
        return self.to_instances([example])[0]

    def _instance(self, example: Example, question: numpy.ndarray, context: Context) -> Instance:
        question = self._cut(question)
        windows = context_windows(
            len(context.ids), len(question), self.tokenizer.max_pieces, self._doc_stride
        )
        # The context begins where question, [CLS] and the first [SEP] end.
        self.check_size(int((windows[:, 2] + 1).sum()))
        fields: dict[str, Field] = {
            "tokens": ListField(
                [
                    self.field(
                        *join_segments(
                            self.tokenizer, question, context.ids[first : first + end - begin]
                        )
                    )
                    for first, begin, end in windows[:, :3].tolist()
                ]
            ),
            "windows": TensorField(windows),
            "offsets": TensorField(context.offsets),
            "metadata": MetadataField(
                {
                    "context": context.text,
                    "id": example.id,
                    "wants_logits": example.wants_logits,
                }
            ),
        }
        if example.answers is not None:
            fields.update(self._gold_fields(example.answers, windows, context))
        return Instance(fields)

    def _cut(self, question: numpy.ndarray) -> numpy.ndarray:
        if len(question) > self._max_query_length:
            self.counts["cut questions"] += 1
            if self.counts["cut questions"] == 1:
                logger.warning(
                    "A question of %d word pieces is cut to `max_query_length` (%d); further ones "
                    "are cut silently.",
                    len(question),
                    self._max_query_length,
                )
        return question[: self._max_query_length]

    def _gold_fields(
        self, answers: list[Answer], windows: numpy.ndarray, context: Context
    ) -> dict[str, Field]:
        span = answer_span(context.offsets, answers[0]) if answers else None
        starts, ends = gold_positions(windows, span)
        self.counts.update(
            {
                "questions": 1,
                "windows": len(windows),
                "null windows": int((starts == 0).sum()),
                "impossible questions": not answers,
                "answers in no window": bool(answers) and not starts.any(),
            }
        )
        return {
            "start_positions": TensorField(starts, padding_value=IGNORE_INDEX),
            "end_positions": TensorField(ends, padding_value=IGNORE_INDEX),
            "answers": GoldAnswers([answer.text for answer in answers]),
        }

    def report(self, path: str) -> None:
        logger.info(
            "%s: %d questions, %d of them impossible, in %d windows; %d windows without the answer "
            "are trained as null.",
            path,
            *(self.counts[key] for key in ("questions", "impossible questions")),
            *(self.counts[key] for key in ("windows", "null windows")),
        )
        if self.counts["answers in no window"]:
            logger.warning(
                "%s: %d answers are whole in no window. `max_pieces` of the token indexer (%d) and "
                "`doc_stride` (%d) govern it.",
                path,
                self.counts["answers in no window"],
                self.tokenizer.max_pieces,
                self._doc_stride,
            )
        if self.counts["cut questions"]:
            logger.warning(
                "%s: %d questions were cut to `max_query_length` (%d).",
                path,
                self.counts["cut questions"],
                self._max_query_length,
            )


def _is_visible(character: str) -> bool:
    """Tells whether BERT makes a piece of it: not of spaces, control characters and U+FFFD."""
    return unicodedata.category(character)[0] in "LNPS" and character != "\ufffd"
