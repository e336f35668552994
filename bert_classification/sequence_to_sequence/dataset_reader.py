import logging
from typing import Any, Iterable, Mapping, NamedTuple, Optional, Sequence

import numpy
from allennlp.common.checks import ConfigurationError
from allennlp.data import DatasetReader, Field, Instance
from allennlp.data.fields import MetadataField

from bert_classification.data.records import Record, RecordError
from bert_classification.data.segments import cut_segments, join_segments
from bert_classification.data.text_field import WordPieceField
from bert_classification.data.values import get_flag, get_text
from bert_classification.objectives.generation import Generation, Prompt, parse_generation
from bert_classification.reader import BertReader

logger = logging.getLogger(__name__)


class Request(NamedTuple):
    """
    What is asked of a text: that it is answered by the settings of `prompt`, or by `target`, the
    piece ids of a text with its `[SEP]`; and whether the `cross_attention` is to be shown.
    """

    prompt: Prompt
    target: Optional[numpy.ndarray]
    cross_attention: bool


class Example(NamedTuple):
    """A text, with what it is to become: to train, or, with `generation`, to score."""

    source: str
    target: Optional[str]
    generation: Optional[Generation]
    cross_attention: bool


@DatasetReader.register("bert_for_sequence_to_sequence")
class BertForSequenceToSequenceReader(BertReader):
    """
    Reads texts with the key `source` (or `text`), and what becomes of them with the key `target`.
    Instances have the field `tokens`, `[CLS] source [SEP]`, and beside it `target`, `[CLS] target
    [SEP]`, in training, or `request` where a text is to be written.

    # Parameters

    max_source_pieces, max_target_pieces : `int`, optional
        The most word pieces of a source and of a target, `[CLS]` and `[SEP]` included; by default
        the indexer's `max_pieces`. What is written has no more than a target.
    long_text : `str`, optional (default = `truncate`)
        What to do with a text that is longer: `truncate`, which counts and reports; or `error`.
    token_indexers, format, columns, encoding :
        See `BertReader`.
    """

    def __init__(
        self,
        max_source_pieces: Optional[int] = None,
        max_target_pieces: Optional[int] = None,
        long_text: str = "truncate",
        **kwargs,
    ) -> None:
        super().__init__(**kwargs)
        if long_text not in ("truncate", "error"):
            raise ConfigurationError(
                f"`long_text` is {long_text!r}; expected `truncate` or `error`."
            )
        self._limits = {
            "source": self._limit("max_source_pieces", max_source_pieces),
            "target": self._limit("max_target_pieces", max_target_pieces),
        }
        self._long_text = long_text

    def records(self, path: str) -> Iterable[Record]:
        return map(_with_target, super().records(path))

    def parse(self, values: Mapping[str, Any], location: str, labelled: bool) -> Example:
        source = get_text(values, "source", "text")
        if labelled:
            return Example(source, get_text(values, "target"), None, False)
        room = self._limits["target"] - 1
        generation = parse_generation(values, room, default=room)
        target = get_text(values, "target") if get_flag(values, "score") else None
        return Example(source, target, generation, get_flag(values, "cross_attention"))

    def to_instances(self, examples: Sequence[Example]) -> list[Instance]:
        pairs = self.encode([each.source for each in examples], [each.target for each in examples])
        return [self._instance(*ids, example) for ids, example in zip(pairs, examples)]

    def text_to_instance(
        self,
        source: str,
        target: Optional[str] = None,
        generation: Optional[Mapping[str, Any]] = None,
    ) -> Instance:
        """Makes a text to train with its `target`; or one to answer, by settings of a record."""
        values = {**(generation or {}), "source": source, "target": target}
        labelled = target is not None and not values.get("score")
        return self.to_instances([self.parse(values, "text_to_instance", labelled)])[0]

    def report(self, path: str) -> None:
        """Says how many sources and targets of a file were cut, if any."""
        for key, limit in self._limits.items():
            if self.counts[key]:
                logger.warning(
                    "%s: %d of the %ss were longer than %d word pieces and were cut. "
                    "`dataset_reader.max_%s_pieces` governs it.",
                    *(path, self.counts[key], key, limit, key),
                )

    def _limit(self, name: str, value: Optional[int]) -> int:
        most = self.tokenizer.max_pieces
        if value is None:
            return most
        # Of fewer than three there is no room for a piece between [CLS] and [SEP].
        if type(value) is not int or not 3 <= value <= most:
            raise ConfigurationError(
                f"`dataset_reader.{name}` is {value!r}; expected from 3 to {most} (`max_pieces` of "
                "the token indexer), [CLS] and [SEP] included."
            )
        return value

    def _instance(
        self, source: numpy.ndarray, target: Optional[numpy.ndarray], example: Example
    ) -> Instance:
        fields: dict[str, Field] = {"tokens": self._text("source", source)}
        written = None if target is None else self._text("target", target)
        if example.generation is not None:
            special = (self.tokenizer.sep_id, self.tokenizer.pad_id)
            prompt = Prompt(example.source, example.generation, *special)
            given = None if written is None else written.ids[1:]
            fields["request"] = MetadataField(Request(prompt, given, example.cross_attention))
        elif written is not None:
            fields["target"] = written
        return Instance(fields)

    def _text(self, key: str, ids: numpy.ndarray) -> WordPieceField:
        limit = self._limits[key]
        if len(ids) + 2 > limit:
            if self._long_text == "error" or not self.indexer.truncate_long_sequences:
                raise RecordError(
                    f"`{key}`: {len(ids) + 2} word pieces, more than the {limit} of "
                    f"`dataset_reader.max_{key}_pieces`; shorten it."
                )
            self.counts[key] += 1
            whole_words = self.tokenizer if self.indexer.truncate_whole_words else None
            ids, _ = cut_segments(ids, None, limit - 2, whole_words)
        return self.field(*join_segments(self.tokenizer, ids, None))


def _with_target(record: Record) -> Record:
    """Takes the text that doccano has in a list, as `label`."""
    label = record.values.get("label")
    if "target" in record.values or not isinstance(label, list) or not label:
        return record
    values = {key: value for key, value in record.values.items() if key != "label"}
    return record._replace(values={**values, "target": label[0]})
