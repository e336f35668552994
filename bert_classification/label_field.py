"""A label that knows its place in the data and, when they are given, all labels in their order."""

from typing import Optional

from allennlp.common.checks import ConfigurationError
from allennlp.data import Vocabulary
from allennlp.data.fields import LabelField


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
        if self.names is None:
            super().count_vocab_items(counter)
            return
        # A vocabulary orders by count: these counts, the same from every instance, are the order of
        # the names.
        counts = counter[self._label_namespace]
        if self.names[0] not in counts:
            counts.update({name: len(self.names) - at for at, name in enumerate(self.names)})

    def index(self, vocab: Vocabulary) -> None:
        known = vocab.get_token_to_index_vocabulary(self._label_namespace)
        if self.label not in known:
            raise ConfigurationError(
                f"{self.place}: label {self.label!r} is unknown; the model knows "
                f"{', '.join(map(repr, known)) or 'no labels'}."
            )
        super().index(vocab)
