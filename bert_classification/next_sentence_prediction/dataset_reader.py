from typing import Any, Iterable, Mapping, NamedTuple, Optional, Sequence, Union

from allennlp.data import DatasetReader, Field, Instance

from bert_classification.data.records import Record
from bert_classification.data.values import get_text
from bert_classification.next_sentence_prediction.pairs import read_pairs
from bert_classification.objectives.next_sentence import label_field, label_index, names_of_labels
from bert_classification.reader import BertReader


class Example(NamedTuple):
    text: str
    text_pair: str
    label: Optional[int]


@DatasetReader.register("bert_for_next_sentence_prediction")
class BertForNextSentencePredictionReader(BertReader):
    """
    Reads pairs of texts with a label that says whether the second follows the first: JSON lines,
    TSV or CSV with the keys `text` (or `sentence`), `text_pair` and `label`, which is `is_next` or
    `not_next`, or 0 or 1 in the same order. Instances have the fields `tokens` and, when labelled,
    `label`.

    The format `documents`, that of `.txt` and of every extension unknown, is plain text with one
    sentence a line and blank lines between documents; see `pairs.read_pairs`.

    # Parameters

    token_indexers, format, columns, encoding :
        See `BertReader`.
    label_names : `Union[str, List[str]]`, optional (default = `["is_next", "not_next"]`)
        The words of the files for `is_next` and `not_next`, in this order.
    seed : `int`, optional (default = `0`)
        Decides which pairs of documents get a second sentence of another document, and which.
    skip_lone_sentences : `bool`, optional (default = `False`)
        Let documents of one sentence give no pair of their own; otherwise they are an error.
    """

    plain_format = "documents"

    def __init__(self, seed: int = 0, skip_lone_sentences: bool = False, **kwargs) -> None:
        super().__init__(**kwargs)
        self.label_names = self._names = names_of_labels(self.label_names)
        self._seed = seed
        self._skip_lone_sentences = skip_lone_sentences

    def records(self, path: str) -> Iterable[Record]:
        if self.is_plain(path):
            return read_pairs(path, self.encoding, self._seed, self._skip_lone_sentences)
        return super().records(path)

    def parse(self, values: Mapping[str, Any], location: str, labelled: bool) -> Example:
        return Example(
            get_text(values, "text", "sentence"),
            get_text(values, "text_pair"),
            label_index(values, self._names) if labelled else None,
        )

    def to_instances(self, examples: Sequence[Example]) -> list[Instance]:
        texts = [example.text for example in examples]
        tokens = self.text_fields(texts, [example.text_pair for example in examples])
        return [self._instance(field, example) for field, example in zip(tokens, examples)]

    def text_to_instance(
        self, text: str, text_pair: str, label: Optional[Union[str, int]] = None
    ) -> Instance:
        values = {"text": text, "text_pair": text_pair, "label": label}
        example = self.parse(values, "text_to_instance", labelled=label is not None)
        return self.to_instances([example])[0]

    def _instance(self, tokens: Field, example: Example) -> Instance:
        fields = {"tokens": tokens}
        if example.label is not None:
            fields["label"] = label_field(example.label)
        return Instance(fields)
