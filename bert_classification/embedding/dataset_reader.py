from hashlib import blake2b
from typing import Any, Mapping, NamedTuple, Optional, Sequence, Union

import numpy
from allennlp.common.checks import ConfigurationError
from allennlp.data import DatasetReader, Field, Instance
from allennlp.data.fields import ArrayField, ListField, TensorField

from bert_classification.data.json_values import describe
from bert_classification.data.records import RecordError
from bert_classification.data.segments import join_segments
from bert_classification.data.text_field import WordPieceField
from bert_classification.data.values import get_number, get_optional_text, get_text
from bert_classification.data.windows import window_spans
from bert_classification.reader import BertReader

OBJECTIVES = ("similarity", "ranking", "simcse")


class Example(NamedTuple):
    texts: list[str]
    label: Optional[float]
    labelled: bool


@DatasetReader.register("bert_for_embedding")
class BertForEmbeddingReader(BertReader):
    """
    Reads texts with the key `text` (or `sentence`), to train with others beside them. Instances
    have the fields `tokens`, a list of the texts of a record, each read by itself; and in training
    `label`, or `text_ids`, which are equal for equal texts.

    # Parameters

    objective : `str`, optional (default = `similarity`)
        What a record has to train: `similarity`, `text` and `text_pair` with a number as `label`;
        `ranking`, `text` with the one that belongs to it as `text_pair`, and as `negatives`,
        optional, a list of texts that do not; `simcse`, `text` alone.
    label_range : `List[float]`, optional
        The lowest and the highest `label`, such as `[0, 5]`, which become 0 and 1. By default a
        label is a cosine, from -1 to 1.
    long_text : `str`, optional (default = `truncate`)
        What to do with a text beyond `max_pieces`: `truncate`, which counts and reports; `error`;
        or `windows`, which reads all of it in overlapping windows.
    doc_stride : `int`, optional (default = `128`)
        How many word pieces a window begins after the one before it.
    token_indexers, format, columns, encoding :
        See `BertReader`.
    """

    def __init__(
        self,
        objective: str = "similarity",
        label_range: Optional[list[float]] = None,
        long_text: str = "truncate",
        doc_stride: int = 128,
        **kwargs,
    ) -> None:
        super().__init__(**kwargs)
        if objective not in OBJECTIVES:
            raise ConfigurationError(
                f"`objective` is {objective!r}; expected one of {', '.join(OBJECTIVES)}."
            )
        if long_text not in ("truncate", "error", "windows"):
            raise ConfigurationError(
                f"`long_text` is {long_text!r}; expected `truncate`, `error` or `windows`."
            )
        self._objective = objective
        self._label_range = _check_range(label_range)
        self._long_text = long_text
        self._doc_stride = doc_stride

    def parse(self, values: Mapping[str, Any], location: str, labelled: bool) -> Example:
        text = get_text(values, "text", "sentence")
        if not labelled:
            pair = get_optional_text(values, "text_pair")
            return Example([text] if pair is None else [text, pair], None, labelled)
        if self._objective == "simcse":
            return Example([text], None, labelled)
        texts = [text, get_text(values, "text_pair")]
        if self._objective == "ranking":
            return Example([*texts, *_get_negatives(values)], None, labelled)
        return Example(texts, self._get_label(values), labelled)

    def to_instances(self, examples: Sequence[Example]) -> list[Instance]:
        texts = [text for example in examples for text in example.texts]
        fields: Any
        if self._long_text == "windows":
            fields = iter([self._windows_of(ids) for ids in self.tokenizer.ids(texts)])
        else:
            may_cut = self._long_text == "truncate"
            fields = iter(self.text_fields(texts, [None] * len(texts), may_cut))
        return [self._instance([next(fields) for _ in each.texts], each) for each in examples]

    def text_to_instance(
        self,
        text: str,
        text_pair: Optional[str] = None,
        negatives: Optional[list[str]] = None,
        label: Optional[float] = None,
        labelled: bool = False,
    ) -> Instance:
        values = {"text": text, "text_pair": text_pair, "negatives": negatives, "label": label}
        labelled = labelled or label is not None
        return self.to_instances([self.parse(values, "text_to_instance", labelled)])[0]

    def _get_label(self, values: Mapping[str, Any]) -> float:
        label = get_number(values)
        lowest, highest = self._label_range or (-1.0, 1.0)
        if not lowest <= label <= highest:
            raise RecordError(
                f"`label`: {label:g} is not in the range from {lowest:g} to {highest:g}; set "
                "`dataset_reader.label_range`, such as [0, 5]."
            )
        return (label - lowest) / (highest - lowest) if self._label_range else label

    def _windows_of(self, ids: numpy.ndarray) -> ListField:
        spans = window_spans(len(ids), self.tokenizer.max_pieces - 2, self._doc_stride)
        windows = [join_segments(self.tokenizer, ids[start:end], None) for start, end in spans]
        return ListField([self.field(*each) for each in windows])

    def _instance(self, texts: list[Field], example: Example) -> Instance:
        fields: dict[str, Field] = {"tokens": ListField(texts)}
        if example.label is not None:
            fields["label"] = ArrayField(numpy.array(example.label, dtype=numpy.float32))
        elif example.labelled:
            ids = numpy.array([_text_id(each) for each in texts], dtype=numpy.int64)
            fields["text_ids"] = TensorField(ids)
        return Instance(fields)


def _check_range(label_range: Optional[list[float]]) -> Optional[tuple[float, float]]:
    if label_range is None:
        return None
    if len(label_range) != 2 or not label_range[0] < label_range[1]:
        raise ConfigurationError(
            f"`label_range` is {label_range}; expected the lowest and the highest label, such as "
            "[0, 5]."
        )
    return label_range[0], label_range[1]


def _get_negatives(values: Mapping[str, Any]) -> list[str]:
    negatives = values.get("negatives")
    if negatives is None:
        return []
    if not isinstance(negatives, list):
        raise RecordError(f"`negatives`: expected a list of texts, got {describe(negatives)}.")
    keyed = {f"negatives[{index}]": text for index, text in enumerate(negatives)}
    return [get_text(keyed, key) for key in keyed]


def _text_id(field: Union[WordPieceField, Any]) -> int:
    """Makes a number of a text's word pieces that is not 0, which stands for no text."""
    windows = [field] if isinstance(field, WordPieceField) else field.field_list
    digest = blake2b(b"".join(each.ids.tobytes() for each in windows), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True) or 1
