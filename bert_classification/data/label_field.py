"""Labels that know where they stood in the data and, when given, all labels in their order."""

from typing import Any, Optional, Sequence

import numpy
import torch
from allennlp.data import Vocabulary
from allennlp.data.fields import LabelField, MultiLabelField
from torch import Tensor

from bert_classification.data.json_values import shorten
from bert_classification.data.records import RecordError
from bert_classification.data.vocabulary import count_in_order

IGNORE_INDEX = -100
"""What stands for no label in a tensor: PyTorch's `cross_entropy` passes over it."""


class CheckedLabelField(LabelField):
    """
    A `LabelField` that says which labels there are when its own is unknown to the vocabulary.

    # Parameters

    label : `str`
        The label.
    location : `str`
        Where it stood, for that message.
    names : `List[str]`, optional
        All labels; the vocabulary gets them in this order, those that do not occur as well.
    label_namespace : `str`, optional (default = `labels`)
        The namespace of the vocabulary.
    """

    __slots__ = ["location", "names"]

    def __init__(
        self,
        label: str,
        location: str,
        names: Optional[list[str]] = None,
        label_namespace: str = "labels",
    ) -> None:
        super().__init__(label, label_namespace)
        self.location = location
        self.names = names

    def count_vocab_items(self, counter: dict[str, dict[str, int]]) -> None:
        count_in_order(counter[self._label_namespace], self.names)
        super().count_vocab_items(counter)

    def index(self, vocab: Vocabulary) -> None:
        _check_known([self.label], vocab, self._label_namespace, self.location)
        super().index(vocab)

    def as_tensor(self, padding_lengths: dict[str, int]) -> Tensor:
        # In a fraction of the time of `torch.tensor`.
        return torch.from_numpy(numpy.array(self._label_id))


class CheckedMultiLabelField(MultiLabelField):
    """The same for any number of labels; see `CheckedLabelField`."""

    __slots__ = ["location", "names"]

    def __init__(
        self,
        labels: list[str],
        location: str,
        names: Optional[list[str]] = None,
        label_namespace: str = "labels",
    ) -> None:
        super().__init__(labels, label_namespace)
        self.location = location
        self.names = names

    def count_vocab_items(self, counter: dict[str, dict[str, int]]) -> None:
        count_in_order(counter[self._label_namespace], self.names)
        super().count_vocab_items(counter)

    def index(self, vocab: Vocabulary) -> None:
        _check_known(self.labels, vocab, self._label_namespace, self.location)
        super().index(vocab)


def _check_known(labels: Sequence[Any], vocab: Vocabulary, namespace: str, location: str) -> None:
    known = vocab.get_token_to_index_vocabulary(namespace)
    for label in labels:
        if label not in known:
            raise RecordError(
                f"{location}: label {shorten(repr(label))} is unknown; the model knows "
                f"{', '.join(map(repr, known)) or 'no labels'}. A prediction needs no label."
            )
