from typing import Any, Mapping, NamedTuple, Optional, Sequence

import numpy
from allennlp.data import DatasetReader, Field, Instance
from allennlp.data.fields import ArrayField, ListField

from bert_classification.data.values import get_number, get_text
from bert_classification.reader import BertReader


class Example(NamedTuple):
    text: str
    text_pair: str
    label: Optional[float]


@DatasetReader.register("bert_for_text_similarity")
class BertForTextSimilarityReader(BertReader):
    """
    Reads pairs of texts with the keys `text`, `text_pair` and `label`, a number from -1 to 1.
    Instances have the fields `tokens`, a list of both texts, and, when labelled, `label`.

    # Parameters

    token_indexers, format, columns, encoding :
        See `BertReader`.
    """

    def parse(self, values: Mapping[str, Any], location: str, labelled: bool) -> Example:
        return Example(
            get_text(values, "text", "sentence"),
            get_text(values, "text_pair"),
            get_number(values) if labelled else None,
        )

    def to_instances(self, examples: Sequence[Example]) -> list[Instance]:
        texts = [text for example in examples for text in (example.text, example.text_pair)]
        fields = iter(self.text_fields(texts, [None] * len(texts)))
        return [self._instance([next(fields), next(fields)], example) for example in examples]

    def text_to_instance(
        self, text: str, text_pair: str, label: Optional[float] = None
    ) -> Instance:
        values = {"text": text, "text_pair": text_pair, "label": label}
        return self.to_instances([self.parse(values, "text_to_instance", label is not None)])[0]

    def _instance(self, texts: list[Field], example: Example) -> Instance:
        fields: dict[str, Field] = {"tokens": ListField(texts)}
        if example.label is not None:
            fields["label"] = ArrayField(numpy.array(example.label, dtype=numpy.float32))
        return Instance(fields)
