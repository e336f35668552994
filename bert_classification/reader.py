"""What all our dataset readers share: records in, checked examples, instances out in batches."""

import copy
import inspect
import logging
from collections import Counter
from itertools import chain
from typing import Any, Iterable, Iterator, Mapping, Optional, Sequence, Union

import numpy
from allennlp.common.checks import ConfigurationError
from allennlp.common.util import lazy_groups_of
from allennlp.data import DatasetReader, Instance, TokenIndexer

from bert_classification.data.exports import Unlabelled, from_tool
from bert_classification.data.files import expand_paths, read_lines
from bert_classification.data.outcomes import sentence_of
from bert_classification.data.records import (
    FORMATS,
    Record,
    RecordError,
    guess_format,
    records_or_errors,
)
from bert_classification.data.segments import Truncation, cut_segments, join_segments
from bert_classification.data.text_field import WordPieceField
from bert_classification.data.token_indexer import PretrainedBertIndexer
from bert_classification.data.values import check_label

logger = logging.getLogger(__name__)

_BEFORE = object()

EXAMPLES_AT_ONCE = 512
"""How many examples are tokenized in one call while a file is read."""


class BertReader(DatasetReader):
    """
    The base of our readers. A task's reader says how a record becomes an example (`parse`) and how
    examples become instances (`to_instances`); training, `predict` and `serve` go through the same
    two. `examples` says what of a file is one example: a record, or a block of running text. A path
    may be a glob, such as `data/*.jsonl`, or a list of paths, which are read one after the other.

    # Parameters

    token_indexers : `Dict[str, TokenIndexer]`
        One indexer of type `bert-pretrained`; its key is the model's `index`.
    format : `str`, optional
        The format of the files: `jsonl`, `tsv`, `csv`, `parquet`, `arrow`, `datasets` (a directory
        that `save_to_disk` has written), the exports of `doccano`, `label_studio`, `prodigy`,
        `spacy` and `brat`, or one of the task's own; by default the extension says it, and of JSON
        the keys of a record. JSON may be lines or one list.
    columns : `Dict[str, Union[str, int]]`, optional
        From our key to the file's column name, or to its number, counted from 0, where there is no
        header.
    label_names : `Union[str, List[str]]`, optional
        The labels in their order, or a file with one a line. Labels in the data may then be
        numbers, counted from 0.
    label_delimiter : `str`, optional
        What separates several labels in one column.
    encoding : `str`, optional (default = `utf-8`)
        The encoding of the files.

    # Attributes of its class

    formats : `Mapping[str, str]`
        The formats that extensions stand for.
    plain_format : `str`, optional
        The format of every other extension.
    """

    formats: Mapping[str, str] = FORMATS
    plain_format: Optional[str] = None

    def __init__(
        self,
        token_indexers: dict[str, TokenIndexer],
        format: Optional[str] = None,
        columns: Optional[dict[str, Union[str, int]]] = None,
        label_names: Optional[Union[str, list[str]]] = None,
        label_delimiter: Optional[str] = None,
        encoding: str = "utf-8",
        **kwargs,
    ) -> None:
        _check_known(kwargs)
        super().__init__(
            manual_distributed_sharding=True, manual_multiprocess_sharding=True, **kwargs
        )
        self.indexer_name, self.indexer = _the_bert_indexer(token_indexers)
        self.tokenizer = self.indexer.tokenizer
        self.format = format
        self.columns = columns
        self.label_names = _read_label_names(label_names)
        self.label_delimiter = label_delimiter
        self.encoding = encoding
        self.truncation = Truncation()
        self.counts: Counter[str] = Counter()
        self._shared_out = 0
        self._pieces = 0
        self._max_pieces: Optional[int] = None

    def parse(self, values: Mapping[str, Any], location: str, labelled: bool) -> Any:
        """
        Makes the example of a record.

        # Parameters

        values : `Mapping[str, Any]`
            The record's keys and values; keys that the task does not know are left alone.
        location : `str`
            Where the record comes from, for messages about it.
        labelled : `bool`
            Whether the gold key is needed (training, evaluation) or ignored (prediction).

        # Raises

        `RecordError`, which names the key and what was expected; the caller adds the location.
        """
        raise NotImplementedError

    def to_instances(self, examples: Sequence[Any]) -> list[Instance]:
        """Makes an instance of each example; all their texts are tokenized in one call."""
        raise NotImplementedError

    def instances_or_errors(
        self, examples: Sequence[Any], max_record_tokens: Optional[int] = None
    ) -> list[Union[Instance, Exception]]:
        """
        Calls `to_instances`; an error stands where an example is none after all.

        # Parameters

        examples : `Sequence[Any]`
            What `parse` made.
        max_record_tokens : `int`, optional
            The most word pieces of one example, in all of its windows or choices. One that has more
            is a `RecordError` before they are built.
        """
        if not examples:
            return []
        try:
            return list(self._make_limited(examples, max_record_tokens))
        except Exception as error:
            if len(examples) == 1:
                return [error]
            middle = len(examples) // 2
            halves = (examples[:middle], examples[middle:])
            return [
                each
                for half in halves
                for each in self.instances_or_errors(half, max_record_tokens)
            ]

    def _make_limited(
        self, examples: Sequence[Any], max_record_tokens: Optional[int]
    ) -> list[Instance]:
        """Makes instances that have no more pieces together than one of them may have."""
        # Threads of a server share the reader; each counts in its own, and what failed not at all.
        reader = copy.copy(self)
        reader.counts = self.counts.copy()
        reader._pieces, reader._max_pieces = 0, max_record_tokens
        instances = reader.to_instances(examples)
        self.truncation, self.counts = reader.truncation, reader.counts
        return instances

    def check_size(self, pieces: int) -> None:
        """
        Raises `RecordError` when so many word pieces more are too many for a record. A task that
        knows their number before it builds its fields may ask then; `field` asks for each.
        """
        limit, total = self._max_pieces, self._pieces + pieces
        if limit is not None and total > limit:
            raise RecordError(
                f"the record has at least {total} word pieces in all, more than the {limit} of "
                "`--max-record-tokens`; shorten it."
            )

    def format_of(self, path: str) -> Optional[str]:
        """Tells the format of a file; `None` where nothing says it."""
        return self.format or guess_format(path, self.formats) or self.plain_format

    def records(self, path: str) -> Iterable[Record]:
        """
        Yields the records of a file, in the place of bad ones such with an `error`; tasks with a
        format of their own extend it.
        """
        format = self.format_of(path)
        for record in records_or_errors(path, format, self.columns, self.encoding):
            yield from from_tool(record, format)

    def records_to_predict(self, path: str) -> Iterable[Record]:
        """
        Yields what of a file is predicted; tasks whose examples are no records of the file extend
        it.
        """
        return self.records(path)

    def is_plain(self, path: str) -> bool:
        """
        Tells whether a file is of the `plain_format`. `ConfigurationError` when it is, and
        `columns` are given.
        """
        if self.format_of(path) != self.plain_format:
            return False
        if self.columns:
            raise ConfigurationError(
                f"{path}: `dataset_reader.columns` is given, but plain text has none; set "
                "`dataset_reader.format` to tsv, csv or jsonl."
            )
        return True

    def examples(self, path: str) -> Iterator[tuple[str, Any]]:
        """
        Yields the examples of a file, of several processes this one's share, each with its location
        for messages. Tasks that make more of a file than an example a record extend it.
        """
        for record in self.shard_iterable(self.records(path)):
            if isinstance(record.values, Unlabelled):
                self.counts["unlabelled"] += 1
            else:
                yield record.location, self.parse_labelled(record)

    def parse_labelled(self, record: Record) -> Any:
        """Makes the example of a record with its label; an error names the record's location."""
        if record.error is not None:
            raise record.error
        try:
            return self.parse(record.values, record.location, labelled=True)
        except Exception as error:
            raise _locate(error, record.location) from error

    def shard_iterable(self, iterable: Iterable[Any]) -> Iterator[Any]:
        """Shares out what is in a file as if it stood behind that of the files before it."""
        distributed, worker = self.get_distributed_info(), self.get_worker_info()
        period = distributed.world_size if distributed else 1
        period *= worker.num_workers if worker else 1
        before = [_BEFORE] * (self._shared_out % period)
        for item in super().shard_iterable(chain(before, self._numbered(iterable))):
            if item is not _BEFORE:
                yield item

    def _numbered(self, iterable: Iterable[Any]) -> Iterator[Any]:
        for item in iterable:
            self._shared_out += 1
            yield item

    def _read(self, file_path: Any) -> Iterator[Instance]:
        self._shared_out = 0
        for path in expand_paths(file_path):
            yield from self._read_file(path)

    def _read_file(self, file_path: str) -> Iterator[Instance]:
        self.truncation, self.counts = Truncation(), Counter()
        for located in lazy_groups_of(self.examples(file_path), EXAMPLES_AT_ONCE):
            instances = self.instances_or_errors([example for _, example in located])
            for (location, _), instance in zip(located, instances):
                if isinstance(instance, Exception):
                    raise _locate(instance, location) from instance
                yield instance
        self.report(file_path)
        if self.counts["unlabelled"]:
            logger.warning(
                "%s: %d records have no accepted label and are left out.",
                file_path,
                self.counts["unlabelled"],
            )

    def report(self, path: str) -> None:
        """Says what was counted while a file was read; tasks that count more extend it."""
        self.report_truncation(path)

    def report_truncation(self, path: str) -> None:
        """Says how many of the texts of a file were cut, if any."""
        if self.truncation.cut:
            logger.warning(
                "%s: %s. `max_pieces` of the token indexer (%d) governs it.",
                path,
                self.truncation,
                self.tokenizer.max_pieces,
            )

    def apply_token_indexers(self, instance: Instance) -> None:
        """Does nothing: our fields hold word pieces already."""

    def text_fields(
        self, texts: Sequence[str], pairs: Sequence[Optional[str]], may_cut: bool = True
    ) -> list[WordPieceField]:
        """
        Makes `[CLS] text [SEP]`, or `[CLS] text [SEP] pair [SEP]`, of each text. Too long ones are
        cut, of a pair the longer one first, and counted; or else they raise `RecordError`.
        """
        return [
            self._text_field(first, second, may_cut) for first, second in self.encode(texts, pairs)
        ]

    def encode(
        self, texts: Sequence[str], pairs: Sequence[Optional[str]]
    ) -> list[tuple[numpy.ndarray, Optional[numpy.ndarray]]]:
        """Gives the piece ids of texts and their pairs, each tokenized once, all in one call."""
        different = list(dict.fromkeys([*texts, *(pair for pair in pairs if pair is not None)]))
        ids = dict(zip(different, self.tokenizer.ids(different)))
        return [
            (ids[text], None if pair is None else ids[pair]) for text, pair in zip(texts, pairs)
        ]

    def _text_field(
        self, first: numpy.ndarray, second: Optional[numpy.ndarray], may_cut: bool
    ) -> WordPieceField:
        limit = self.tokenizer.max_pieces
        specials = 2 if second is None else 3
        length = len(first) + (0 if second is None else len(second)) + specials
        self.truncation = self.truncation.add(length, limit)
        if length > limit:
            if not (may_cut and self.indexer.truncate_long_sequences):
                raise RecordError(
                    f"a text of {length} word pieces, more than the {limit} of `max_pieces`. Let "
                    "`truncate_long_sequences` of the token indexer be true to cut it."
                )
            whole_words = self.tokenizer if self.indexer.truncate_whole_words else None
            first, second = cut_segments(first, second, limit - specials, whole_words)
        return self.field(*join_segments(self.tokenizer, first, second))

    def field(self, ids: numpy.ndarray, second: int) -> WordPieceField:
        """Makes the field of a text that is joined already; see `join_segments`."""
        self.check_size(len(ids))
        self._pieces += len(ids)
        return WordPieceField(ids, second, self.indexer_name, self.tokenizer.pad_id)


def _locate(error: Exception, location: str) -> ConfigurationError:
    """Puts the location before the sentence of a record's error; one of the config has its own."""
    if isinstance(error, ConfigurationError) and not isinstance(error, RecordError):
        return error
    return ConfigurationError(f"{location}: {sentence_of(error)}")


def _check_known(others: Mapping[str, Any]) -> None:
    """Looks at parameters that are neither a task's nor a `BertReader`'s."""
    known = inspect.signature(DatasetReader.__init__).parameters
    unknown = [key for key in others if key not in known]
    if unknown:
        raise ConfigurationError(f"`dataset_reader.{unknown[0]}`: there is no such parameter.")


def _read_label_names(label_names: Optional[Union[str, list[str]]]) -> Optional[list[str]]:
    if not isinstance(label_names, str):
        names = label_names
    else:
        names = [line.strip() for _, line in read_lines(label_names) if line.strip()]
    for name in names or ():
        check_label(name, "label_names")
    if names is not None and (not names or len(set(names)) < len(names)):
        raise ConfigurationError("`label_names` is empty or names a label twice.")
    return names


def _the_bert_indexer(token_indexers: dict[str, TokenIndexer]) -> tuple[str, PretrainedBertIndexer]:
    found = [
        (name, indexer)
        for name, indexer in token_indexers.items()
        if isinstance(indexer, PretrainedBertIndexer)
    ]
    if len(found) != 1 or len(token_indexers) != 1:
        raise ConfigurationError(
            f"`dataset_reader.token_indexers` has {', '.join(token_indexers) or 'nothing'}; "
            "expected one indexer, "
            '`{"bert": {"type": "bert-pretrained", "pretrained_model": ...}}`.'
        )
    return found[0]
