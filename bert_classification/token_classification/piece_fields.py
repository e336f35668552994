"""What the word pieces in a window stand for: words, and the gold tags of these."""

from typing import Optional, Sequence

import numpy
import torch
from allennlp.data import Field, Vocabulary

from bert_classification.data.label_field import IGNORE_INDEX
from bert_classification.data.records import RecordError
from bert_classification.data.vocabulary import count_in_order


class WordIdsField(Field[torch.Tensor]):
    """
    The words of word pieces as a tensor of shape `(length,)`, -1 on padding.

    # Parameters

    words : `numpy.ndarray`
        For each piece the index of the word it stands for, or -1; shape `(length,)`.
    """

    __slots__ = ["words"]

    def __init__(self, words: numpy.ndarray) -> None:
        self.words = words

    def get_padding_lengths(self) -> dict[str, int]:
        return {"pieces": len(self.words)}

    def as_tensor(self, padding_lengths: dict[str, int]) -> torch.Tensor:
        return _pad(self.words, padding_lengths["pieces"], -1)

    def empty_field(self) -> "WordIdsField":
        return WordIdsField(numpy.empty(0, numpy.int32))

    def human_readable_repr(self) -> list[int]:
        return self.words.tolist()


class TagsField(Field[torch.Tensor]):
    """
    The tags of word pieces as a tensor of shape `(length,)`, `-100` where a piece has none and on
    padding.

    # Parameters

    tags : `Sequence[str]`
        The tags of all words of a text, in IOB2.
    words : `numpy.ndarray`
        For each piece the index of the word whose tag it gets, or -1; shape `(length,)`.
    location : `str`
        Where the tags stood, for the message about an unknown one.
    names : `List[str]`, optional
        All tags; the vocabulary gets them in this order, those that do not occur as well.
    label_namespace : `str`, optional (default = `labels`)
        The namespace of the tags in the vocabulary.
    """

    __slots__ = ["tags", "words", "location", "names", "_label_namespace", "_indices"]

    def __init__(
        self,
        tags: Sequence[str],
        words: numpy.ndarray,
        location: str,
        names: Optional[list[str]] = None,
        label_namespace: str = "labels",
    ) -> None:
        self.tags = tags
        self.words = words
        self.location = location
        self.names = names
        self._label_namespace = label_namespace
        self._indices = numpy.full(len(words), IGNORE_INDEX, numpy.int32)

    def count_vocab_items(self, counter: dict[str, dict[str, int]]) -> None:
        counts = counter[self._label_namespace]
        if self.names is not None:
            count_in_order(counts, self.names)
            return
        for word in numpy.unique(self.words[self.words >= 0]):
            tag = self.tags[word]
            counts[tag] += 1
            if tag != "O":
                # A type that training has seen in spans of one word may have longer ones elsewhere.
                for prefix in "BI":
                    counts.setdefault(prefix + tag[1:], 1)

    def index(self, vocab: Vocabulary) -> None:
        known = vocab.get_token_to_index_vocabulary(self._label_namespace)
        for piece in numpy.flatnonzero(self.words >= 0):
            tag = self.tags[self.words[piece]]
            if tag not in known:
                raise RecordError(
                    f"{self.location}: `tags`: {tag!r} is unknown; the model knows "
                    f"{', '.join(map(repr, known)) or 'no tags'}."
                )
            self._indices[piece] = known[tag]

    def get_padding_lengths(self) -> dict[str, int]:
        return {"pieces": len(self.words)}

    def as_tensor(self, padding_lengths: dict[str, int]) -> torch.Tensor:
        return _pad(self._indices, padding_lengths["pieces"], IGNORE_INDEX)

    def empty_field(self) -> "TagsField":
        return TagsField(
            [], numpy.empty(0, numpy.int32), self.location, self.names, self._label_namespace
        )

    def human_readable_repr(self) -> list[Optional[str]]:
        return [None if word < 0 else self.tags[word] for word in self.words]


def _pad(values: numpy.ndarray, length: int, padding: int) -> torch.Tensor:
    tensor = torch.full((length,), padding)
    tensor[: len(values)] = torch.from_numpy(values)
    return tensor
