from typing import Any, Mapping, NamedTuple, Optional, Sequence, Union

from allennlp.data import DatasetReader, Field, Instance

from bert_classification.label_field import KnownLabelField
from bert_classification.reader import BertReader, get_label, get_optional_text, get_text


class Example(NamedTuple):
    text: str
    text_pair: Optional[str]
    label: Optional[str]
    place: str


@DatasetReader.register("bert_for_classification")
class BertForClassificationReader(BertReader):
    """
    Reads texts, or pairs of texts, with a label: JSON lines, TSV or CSV with the keys `text` (or
    `sentence`),
    `text_pair` (optional) and `label`. Instances have the fields `tokens` and, when labelled,
    `label`.

    # Parameters

    token_indexers, format, columns, label_names, label_delimiter, encoding :
        See `BertReader`.
    label_namespace : `str`, optional (default = `labels`)
        The namespace of the labels in the vocabulary.
    """

    def __init__(self, label_namespace: str = "labels", **kwargs) -> None:
        super().__init__(**kwargs)
        self._label_namespace = label_namespace

    def parse(self, values: Mapping[str, Any], place: str, labelled: bool) -> Example:
        return Example(
            get_text(values, "text", "sentence"),
            get_optional_text(values, "text_pair"),
            get_label(values, self.label_names) if labelled else None,
            place,
        )

    def to_instances(self, examples: Sequence[Example]) -> list[Instance]:
        texts = [example.text for example in examples]
        fields = self.text_fields(texts, [example.text_pair for example in examples])
        return [
            self._instance({"tokens": field}, example) for field, example in zip(fields, examples)
        ]

    def text_to_instance(
        self, text: str, text_pair: Optional[str] = None, label: Optional[Union[str, int]] = None
    ) -> Instance:
        values = {"text": text, "text_pair": text_pair, "label": label}
        example = self.parse(values, "text_to_instance", labelled=label is not None)
        return self.to_instances([example])[0]

    def _instance(self, fields: dict[str, Field], example: Example) -> Instance:
        if example.label is not None:
            fields["label"] = KnownLabelField(
                example.label, example.place, self.label_names, self._label_namespace
            )
        return Instance(fields)
