"""Readers of others, AllenNLP's own for example, in the way our predictors use readers."""

import inspect
from threading import Lock
from typing import Any, Mapping, NamedTuple, Optional, Sequence, Union

import numpy
from allennlp.common.checks import ConfigurationError
from allennlp.data import DatasetReader, Field, Instance, Vocabulary
from allennlp.data.fields import ListField, TextField

from bert_classification.data.records import RecordError
from bert_classification.data.text_field import WordPieceField, num_word_pieces
from bert_classification.data.token_indexer import PretrainedBertIndexer
from bert_classification.data.values import get_text, name_keys

SPELLINGS = {"text": ("sentence",), "sentence": ("text",)}


class ForeignExample(NamedTuple):
    """What a record gives a reader, by the names of its parameters; others are `None`."""

    arguments: dict[str, Any]

    def __getattr__(self, key: str) -> Any:
        names = (key, *SPELLINGS.get(key, ()))
        return next((self.arguments[name] for name in names if name in self.arguments), None)


class ForeignReader:
    """
    A reader of others with what our predictors ask of one of ours. The keys of a record are the
    parameters of the reader's `text_to_instance`; `text` and `sentence` are the same. Texts with
    the indexer `bert-pretrained` become the fields that our own readers make.

    # Parameters

    reader : `DatasetReader`
    vocab : `Vocabulary`
        The model's.
    gold_key : `str`
        The key of the label in a record, which no prediction needs.
    """

    def __init__(self, reader: DatasetReader, vocab: Vocabulary, gold_key: str) -> None:
        self.reader = reader
        self.indexer = find_indexer(reader)
        self.tokenizer = None if self.indexer is None else self.indexer.tokenizer
        self._vocab = vocab
        parameters = inspect.signature(reader.text_to_instance).parameters.values()
        variable = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
        self._parameters = [
            each for each in parameters if each.kind not in variable and each.name != gold_key
        ]
        # Nobody says of readers of others that threads may share them.
        self._lock = Lock()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["reader"], name)

    def parse(self, values: Mapping[str, Any], location: str, labelled: bool) -> ForeignExample:
        """Finds the arguments for `text_to_instance`; `RecordError` where one is missing."""
        arguments = {}
        for parameter in self._parameters:
            name = parameter.name
            spelled = next((key for key in (name, *SPELLINGS.get(name, ())) if key in values), None)
            if spelled is None and parameter.default is inspect.Parameter.empty:
                raise RecordError(f"no key `{name}`; the record has {name_keys(values)}.")
            if spelled is not None:
                is_text = name in SPELLINGS or parameter.annotation is str
                arguments[name] = get_text(values, spelled) if is_text else values[spelled]
        return ForeignExample(arguments)

    def to_instances(self, examples: Sequence[ForeignExample]) -> list[Instance]:
        """Makes an instance of each example, with all of its word pieces."""
        return [self._make(example, None) for example in examples]

    def instances_or_errors(
        self, examples: Sequence[ForeignExample], max_record_tokens: Optional[int] = None
    ) -> list[Union[Instance, Exception]]:
        """Makes an instance of each example, or the exception why there is none."""
        outcomes: list[Union[Instance, Exception]] = []
        for example in examples:
            try:
                outcomes.append(self._make(example, max_record_tokens))
            except Exception as error:
                outcomes.append(error)
        return outcomes

    def apply_token_indexers(self, instance: Instance) -> None:
        """Lets the reader do so, unless the instance has its word pieces already."""
        if not instance.indexed:
            self.reader.apply_token_indexers(instance)

    def report_truncation(self, path: str) -> None:
        """Says nothing: readers of others do not count."""

    def _make(self, example: ForeignExample, limit: Optional[int]) -> Instance:
        try:
            with self._lock:
                instance = self.reader.text_to_instance(**example.arguments)
                if instance is None:
                    raise RecordError("the dataset reader makes nothing of the record.")
                self.reader.apply_token_indexers(instance)
                instance.index_fields(self._vocab)
        except ConfigurationError as error:
            raise RecordError(str(error)) from error
        if limit is not None and (pieces := num_word_pieces(instance)) > limit:
            raise RecordError(
                f"the record has {pieces} word pieces in all, more than the {limit} of "
                "`--max-record-tokens`; shorten it."
            )
        for name, field in instance.fields.items():
            instance.fields[name] = as_word_pieces(field)
        return instance


def find_indexer(reader: DatasetReader) -> Optional[PretrainedBertIndexer]:
    """Finds the indexer `bert-pretrained` of a reader that has one such; else `None`."""
    indexers = [
        each
        for value in vars(reader).values()
        for each in (value.values() if isinstance(value, dict) else ())
        if isinstance(each, PretrainedBertIndexer)
    ]
    return indexers[0] if len(indexers) == 1 else None


def as_word_pieces(field: Field) -> Field:
    """Makes our field of a text that the indexer `bert-pretrained` alone has indexed."""
    if isinstance(field, ListField):
        return ListField([as_word_pieces(each) for each in field.field_list])
    indexers = field._token_indexers if isinstance(field, TextField) else None
    if not indexers or len(indexers) != 1:
        return field
    ((name, indexer),) = indexers.items()
    if not isinstance(indexer, PretrainedBertIndexer):
        return field
    indexed: Any = field._indexed_tokens[name]  # type: ignore[attr-defined]
    ids, types = indexed["input_ids"], indexed["token_type_ids"]
    second = types.index(1) if 1 in types else len(ids)
    pad_id = indexer.tokenizer.pad_id
    return WordPieceField(numpy.array(ids, numpy.int32), second, name, pad_id)
