"""What all our dataset readers share: records in, checked examples, instances out in batches."""

import logging
import math
from typing import Any, Iterable, Iterator, Mapping, Optional, Sequence, Union

import numpy
from allennlp.common.checks import ConfigurationError
from allennlp.common.util import lazy_groups_of
from allennlp.data import DatasetReader, Instance, TokenIndexer

from bert_classification.records import (
    Record,
    RecordError,
    describe,
    guess_format,
    read_lines,
    read_records,
)
from bert_classification.text_field import (
    Truncation,
    WordPieceField,
    join_segments,
    longest_first,
)
from bert_classification.token_indexer import PretrainedBertIndexer

logger = logging.getLogger(__name__)

JsonDict = dict[str, Any]

RECORDS_AT_ONCE = 512
"""How many records are tokenized in one call while a file is read."""


class BertReader(DatasetReader):
    """
    The base of our readers. A task's reader says how a record becomes an example (`parse`) and how
    examples become instances (`to_instances`); training, `predict` and `serve` go through the same
    two.

    # Parameters

    token_indexers : `Dict[str, TokenIndexer]`
        One indexer of type `bert-pretrained`; its key is the model's `index`.
    format : `str`, optional
        The format of the files; by default their extension says it.
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
    """

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
        super().__init__(
            manual_distributed_sharding=True, manual_multiprocess_sharding=True, **kwargs
        )
        self.indexer_name, self.indexer = _the_bert_indexer(token_indexers)
        self.pieces = self.indexer.pieces
        self.format = format
        self.columns = columns
        self.label_names = _read_label_names(label_names)
        self.label_delimiter = label_delimiter
        self.encoding = encoding
        self.truncation = Truncation()

    def parse(self, values: Mapping[str, Any], place: str, labelled: bool) -> Any:
        """
        The example in a record.

        # Parameters

        values : `Mapping[str, Any]`
            The record's keys and values; keys that the task does not know are left alone.
        place : `str`
            Where the record comes from, for messages about it.
        labelled : `bool`
            Whether the gold key is needed (training, evaluation) or ignored (prediction).

        # Raises

        `RecordError`, which names the key and what was expected; the caller adds the place.
        """
        raise NotImplementedError

    def to_instances(self, examples: Sequence[Any]) -> list[Instance]:
        """One instance for each example; all their texts are tokenized in one call."""
        raise NotImplementedError

    def instances_or_errors(self, examples: Sequence[Any]) -> list[Union[Instance, RecordError]]:
        """`to_instances`, with an error in the place of an example that is none after all."""
        try:
            return list(self.to_instances(examples))
        except RecordError as error:
            if len(examples) == 1:
                return [error]
            return [self.instances_or_errors([example])[0] for example in examples]

    def records(self, path: str) -> Iterable[Record]:
        """The records of a file; tasks with a format of their own extend it."""
        return read_records(path, self.format, self.columns, self.encoding)

    def is_plain(self, path: str, name: str) -> bool:
        """
        Whether a file is plain text, of the format `name`, which every extension that says no other
        format stands for. `ConfigurationError` when it is, and `columns` are given.
        """
        if (self.format or guess_format(path) or name) != name:
            return False
        if self.columns:
            raise ConfigurationError(
                f"{path}: `dataset_reader.columns` is given, but plain text has none; set "
                "`dataset_reader.format` to tsv, csv or jsonl."
            )
        return True

    def _read(self, file_path: str) -> Iterator[Instance]:
        self.truncation = Truncation()
        for records in lazy_groups_of(
            self.shard_iterable(self.records(file_path)), RECORDS_AT_ONCE
        ):
            examples = [self._labelled_example(record) for record in records]
            for record, instance in zip(records, self.instances_or_errors(examples)):
                if isinstance(instance, RecordError):
                    raise ConfigurationError(f"{record.place}: {instance}") from instance
                yield instance
        self.report_truncation(file_path)

    def report_truncation(self, path: str) -> None:
        """Says how many of the texts of a file were cut, if any."""
        if self.truncation.cut:
            logger.warning(
                "%s: %s. `max_pieces` of the token indexer (%d) governs it.",
                path,
                self.truncation,
                self.pieces.max_pieces,
            )

    def _labelled_example(self, record: Record) -> Any:
        try:
            return self.parse(record.values, record.place, labelled=True)
        except RecordError as error:
            raise ConfigurationError(f"{record.place}: {error}") from error

    def apply_token_indexers(self, instance: Instance) -> None:
        """Our fields hold word pieces already."""

    def text_fields(
        self, texts: Sequence[str], pairs: Sequence[Optional[str]], may_cut: bool = True
    ) -> list[WordPieceField]:
        """
        `[CLS] text [SEP]`, or `[CLS] text [SEP] pair [SEP]`, for each text. Too long ones are cut,
        of a pair the longer one first, and counted; or else they raise `RecordError`.
        """
        return [
            self._text_field(first, second, may_cut) for first, second in self.ids_of(texts, pairs)
        ]

    def ids_of(
        self, texts: Sequence[str], pairs: Sequence[Optional[str]]
    ) -> list[tuple[numpy.ndarray, Optional[numpy.ndarray]]]:
        """The piece ids of texts and their pairs, tokenized in one call."""
        present = [pair for pair in pairs if pair is not None]
        ids = self.pieces.ids([*texts, *present])
        seconds = iter(ids[len(texts) :])
        return [(first, None if pair is None else next(seconds)) for first, pair in zip(ids, pairs)]

    def _text_field(
        self, first: numpy.ndarray, second: Optional[numpy.ndarray], may_cut: bool
    ) -> WordPieceField:
        limit = self.pieces.max_pieces
        specials = 2 if second is None else 3
        length = len(first) + (0 if second is None else len(second)) + specials
        self.truncation = self.truncation.add(length, limit)
        if length > limit:
            if not (may_cut and self.indexer.truncate_long_sequences):
                raise RecordError(
                    f"a text of {length} word pieces, more than the {limit} of `max_pieces`. Let "
                    "`truncate_long_sequences` of the token indexer be true to cut it."
                )
            first, second = _cut(first, second, limit - specials)
        return self.field(*join_segments(self.pieces, first, second))

    def field(self, ids: numpy.ndarray, second: int) -> WordPieceField:
        return WordPieceField(ids, second, self.indexer_name, self.pieces.pad_id)


def _cut(
    first: numpy.ndarray, second: Optional[numpy.ndarray], room: int
) -> tuple[numpy.ndarray, Optional[numpy.ndarray]]:
    if second is None:
        return first[:room], None
    lengths = longest_first(len(first), len(second), room)
    return first[: lengths[0]], second[: lengths[1]]


def get_text(values: Mapping[str, Any], key: str, *aliases: str) -> str:
    """
    The text under a key or one of its aliases; `RecordError` when it is missing, not a string, or
    empty.
    """
    found = next((name for name in (key, *aliases) if name in values), None)
    if found is None:
        raise RecordError(
            f"no key `{key}`; the record has "
            f"{', '.join(f'`{name}`' for name in values) or 'no keys'}."
        )
    text = values[found]
    if not isinstance(text, str):
        raise RecordError(f"`{found}`: expected a string, got {describe(text)}.")
    if not text.strip():
        raise RecordError(f"`{found}`: the text is empty.")
    check_unicode(found, text)
    return text


def check_unicode(key: str, text: str) -> None:
    """
    Raises `RecordError` for half a surrogate pair, which JSON can spell and no tokenizer takes.
    """
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise RecordError(
            f"`{key}`: half a surrogate pair at character {error.start}; expected Unicode text."
        ) from error


def get_optional_text(values: Mapping[str, Any], key: str) -> Optional[str]:
    return None if values.get(key) is None else get_text(values, key)


def get_label(values: Mapping[str, Any], label_names: Optional[Sequence[str]]) -> str:
    """The value of `label` as a string, by its name where it is a number in `label_names`."""
    label = _get_gold(values)
    if not isinstance(label, (str, int)):
        raise RecordError(f"`label`: expected a string or a whole number, got {describe(label)}.")
    return label_name(label, label_names)


def get_labels(
    values: Mapping[str, Any], label_names: Optional[Sequence[str]], delimiter: Optional[str]
) -> list[str]:
    """The value of `label` as a list of names; a string is split by the delimiter."""
    labels = _get_gold(values)
    if isinstance(labels, str) and delimiter is not None:
        labels = [label.strip() for label in labels.split(delimiter) if label.strip()]
    if not isinstance(labels, list) or not all(isinstance(label, (str, int)) for label in labels):
        raise RecordError(
            f"`label`: expected a list of strings, got {describe(labels)}. For labels in one "
            "string set `dataset_reader.label_delimiter`."
        )
    return list(dict.fromkeys(label_name(label, label_names) for label in labels))


def get_number(values: Mapping[str, Any]) -> float:
    """The value of `label` as a number."""
    label = _get_gold(values)
    try:
        number = math.nan if isinstance(label, bool) else float(label)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise RecordError(f"`label`: expected a number, got {describe(label)}.")
    return number


def _get_gold(values: Mapping[str, Any]) -> Any:
    if values.get("label") is None:
        raise RecordError(
            f"no key `label`, which training and evaluation need; the record has "
            f"{', '.join(f'`{name}`' for name in values) or 'no keys'}. For another name set "
            '`dataset_reader.columns`, such as `{"label": "labels"}`.'
        )
    return values["label"]


def label_name(label: Union[str, int], label_names: Optional[Sequence[str]]) -> str:
    text = str(label).lower() if isinstance(label, bool) else str(label)
    if label_names is None or text in label_names:
        return text
    if text.isdecimal() and int(text) < len(label_names):
        return label_names[int(text)]
    raise RecordError(f"`label`: {text!r} is not in `label_names` ({', '.join(label_names)}).")


def _read_label_names(label_names: Optional[Union[str, list[str]]]) -> Optional[list[str]]:
    if not isinstance(label_names, str):
        names = label_names
    else:
        names = [line.strip() for _, line in read_lines(label_names) if line.strip()]
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
