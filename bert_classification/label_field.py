"""Labels that know their place in the data and, when they are given, all labels in their order."""

from typing import Any, Optional, Sequence

import numpy
import torch
from allennlp.common.checks import ConfigurationError
from allennlp.data import Vocabulary
from allennlp.data.fields import LabelField, MultiLabelField
from torch import Tensor

# A vocabulary orders labels by their counts. Labels in a given order get steps of this beside what
# was counted.
STEP = 10**12


class KnownLabelField(LabelField):
    """
    A `LabelField` that says which labels there are when its own is unknown to the vocabulary.

    # Parameters

    label : `str`
        The label.
    place : `str`
        Where it stood, for that message.
    names : `List[str]`, optional
        All labels; the vocabulary gets them in this order, those that do not occur as well.
    label_namespace : `str`, optional (default = `labels`)
        The namespace of the vocabulary.
    """

    __slots__ = ["place", "names"]

    def __init__(
        self,
        label: str,
        place: str,
        names: Optional[list[str]] = None,
        label_namespace: str = "labels",
    ) -> None:
        super().__init__(label, label_namespace)
        self.place = place
        self.names = names

    def count_vocab_items(self, counter: dict[str, dict[str, int]]) -> None:
        _count_in_order(counter[self._label_namespace], self.names)
        super().count_vocab_items(counter)

    def index(self, vocab: Vocabulary) -> None:
        _check_known([self.label], vocab, self._label_namespace, self.place)
        super().index(vocab)

    def as_tensor(self, padding_lengths: dict[str, int]) -> Tensor:
        # In a fraction of the time of `torch.tensor`.
        return torch.from_numpy(numpy.array(self._label_id))


class KnownMultiLabelField(MultiLabelField):
    """The same for any number of labels; see `KnownLabelField`."""

    __slots__ = ["place", "names"]

    def __init__(
        self,
        labels: list[str],
        place: str,
        names: Optional[list[str]] = None,
        label_namespace: str = "labels",
    ) -> None:
        super().__init__(labels, label_namespace)
        self.place = place
        self.names = names

    def count_vocab_items(self, counter: dict[str, dict[str, int]]) -> None:
        _count_in_order(counter[self._label_namespace], self.names)
        super().count_vocab_items(counter)

    def index(self, vocab: Vocabulary) -> None:
        _check_known(self.labels, vocab, self._label_namespace, self.place)
        super().index(vocab)


def label_counts(vocab: Vocabulary, namespace: str) -> list[int]:
    """
    How often each label occurs in the instances the vocabulary was made of, in its order; nothing
    for a vocabulary that was read from files.
    """
    counts = (vocab._retained_counter or {}).get(namespace, {})
    if not counts:
        return []
    names = vocab.get_token_to_index_vocabulary(namespace)
    return [counts.get(name, 0) % STEP for name in names]


def _count_in_order(counts: dict[str, int], names: Optional[list[str]]) -> None:
    if names and counts.get(names[0], 0) < STEP:
        for at, name in enumerate(reversed(names), 1):
            counts[name] = counts.get(name, 0) + at * STEP


def _check_known(labels: Sequence[Any], vocab: Vocabulary, namespace: str, place: str) -> None:
    known = vocab.get_token_to_index_vocabulary(namespace)
    for label in labels:
        if label not in known:
            raise ConfigurationError(
                f"{place}: label {label!r} is unknown; the model knows "
                f"{', '.join(map(repr, known)) or 'no labels'}. A prediction needs no label."
            )
