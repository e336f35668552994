from typing import Any, Mapping, NamedTuple, Optional, Sequence, Union

import numpy
from allennlp.common.checks import ConfigurationError
from allennlp.data import DatasetReader, Field, Instance
from allennlp.data.fields import ArrayField, ListField

from bert_classification.data.label_field import CheckedLabelField, CheckedMultiLabelField
from bert_classification.data.segments import join_segments
from bert_classification.data.text_field import WordPieceField
from bert_classification.data.values import (
    get_label,
    get_labels,
    get_number,
    get_optional_text,
    get_text,
)
from bert_classification.data.windows import window_spans
from bert_classification.reader import BertReader

Label = Union[str, list[str], float]


class Example(NamedTuple):
    text: str
    text_pair: Optional[str]
    label: Optional[Label]
    location: str


@DatasetReader.register("bert_for_classification")
class BertForClassificationReader(BertReader):
    """
    Reads texts, or pairs of texts, with their labels: JSON lines, TSV or CSV with the keys `text`
    (or `sentence`), `text_pair` (optional) and `label`. Instances have the fields `tokens` and,
    when labelled, `label`.

    # Parameters

    problem_type : `str`, optional (default = `single_label_classification`)
        What `label` is: a string; with `multi_label_classification` a list of strings, which may be
        empty, or a string that `label_delimiter` splits; with `regression` a number.
    long_text : `str`, optional (default = `truncate`)
        What to do with a text beyond `max_pieces`: `truncate`, which counts and reports; `error`;
        or `windows`, which reads all of it in overlapping windows, the pair repeated in each.
    doc_stride : `int`, optional (default = `128`)
        How many word pieces a window begins after the one before it.
    label_namespace : `str`, optional (default = `labels`)
        The namespace of the labels in the vocabulary.
    token_indexers, format, columns, label_names, label_delimiter, encoding :
        See `BertReader`.
    """

    def __init__(
        self,
        problem_type: str = "single_label_classification",
        long_text: str = "truncate",
        doc_stride: int = 128,
        label_namespace: str = "labels",
        **kwargs,
    ) -> None:
        super().__init__(**kwargs)
        if long_text not in ("truncate", "error", "windows"):
            raise ConfigurationError(
                f"`long_text` is {long_text!r}; expected `truncate`, `error` or `windows`."
            )
        self._problem_type = problem_type
        self._long_text = long_text
        self._doc_stride = doc_stride
        self._label_namespace = label_namespace

    def parse(self, values: Mapping[str, Any], location: str, labelled: bool) -> Example:
        return Example(
            get_text(values, "text", "sentence"),
            get_optional_text(values, "text_pair"),
            self._label(values) if labelled else None,
            location,
        )

    def to_instances(self, examples: Sequence[Example]) -> list[Instance]:
        texts = [example.text for example in examples]
        pairs = [example.text_pair for example in examples]
        fields: Sequence[Any]
        if self._long_text == "windows":
            fields = self._windows(texts, pairs)
        else:
            fields = self.text_fields(texts, pairs, may_cut=self._long_text == "truncate")
        return [
            self._instance({"tokens": field}, example) for field, example in zip(fields, examples)
        ]

    def text_to_instance(
        self, text: str, text_pair: Optional[str] = None, label: Optional[Label] = None
    ) -> Instance:
        values = {"text": text, "text_pair": text_pair, "label": label}
        example = self.parse(values, "text_to_instance", labelled=label is not None)
        return self.to_instances([example])[0]

    def _label(self, values: Mapping[str, Any]) -> Label:
        if self._problem_type == "regression":
            return get_number(values)
        if self._problem_type == "multi_label_classification":
            return get_labels(values, self.label_names, self.label_delimiter)
        return get_label(values, self.label_names)

    def _windows(self, texts: Sequence[str], pairs: Sequence[Optional[str]]) -> list[ListField]:
        return [
            ListField(self._windows_of(first, second))
            for first, second in self.encode(texts, pairs)
        ]

    def _windows_of(
        self, first: numpy.ndarray, second: Optional[numpy.ndarray]
    ) -> list[WordPieceField]:
        room = self.tokenizer.max_pieces - (2 if second is None else 3)
        if second is not None:
            # The pair stands in every window, and the text gets at least half of it.
            second = second[: room // 2]
            room -= len(second)
        return [
            self.field(*join_segments(self.tokenizer, first[start:end], second))
            for start, end in window_spans(len(first), room, self._doc_stride)
        ]

    def _instance(self, fields: dict[str, Field], example: Example) -> Instance:
        label = example.label
        if isinstance(label, str):
            fields["label"] = CheckedLabelField(
                label, example.location, self.label_names, self._label_namespace
            )
        elif isinstance(label, list):
            fields["label"] = CheckedMultiLabelField(
                label, example.location, self.label_names, self._label_namespace
            )
        elif label is not None:
            fields["label"] = ArrayField(numpy.array(label, dtype=numpy.float32))
        return Instance(fields)
