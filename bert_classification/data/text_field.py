"""
The field of word pieces that our readers make: arrays of ids instead of one object for each piece.
"""

import numpy
import torch
from allennlp.data import Field, Instance
from allennlp.data.fields import ListField, SequenceField, TextField
from allennlp.data.fields.text_field import TextFieldTensors

from bert_classification.data.records import RecordError


class WordPieceField(SequenceField[TextFieldTensors]):
    """
    A text in word pieces, as a model takes it: `{index: {input_ids, token_type_ids, mask}}`, the
    tensors that a `TextField` with the indexer `bert-pretrained` gives as well. It needs 4 bytes a
    piece and no vocabulary.

    # Parameters

    ids : `numpy.ndarray`
        The piece ids with special pieces, int32, shape `(length,)`.
    second : `int`
        Where the second segment begins: token type 0 before it, 1 from it on; the length when there
        is none.
    indexer_name : `str`
        The key of the token indexer in the reader's `token_indexers`.
    pad_id : `int`
        The id of `[PAD]`.
    """

    __slots__ = ["ids", "second", "indexer_name", "pad_id"]

    def __init__(self, ids: numpy.ndarray, second: int, indexer_name: str, pad_id: int) -> None:
        self.ids = ids
        self.second = second
        self.indexer_name = indexer_name
        self.pad_id = pad_id

    def sequence_length(self) -> int:
        return len(self.ids)

    def __len__(self) -> int:
        return len(self.ids)

    def get_padding_lengths(self) -> dict[str, int]:
        return {"pieces": len(self.ids)}

    def as_tensor(self, padding_lengths: dict[str, int]) -> TextFieldTensors:
        # Of so few numbers numpy makes arrays in a fraction of PyTorch's time.
        length, pieces = padding_lengths["pieces"], len(self.ids)
        input_ids = numpy.empty(length, numpy.int64)
        input_ids[:pieces] = self.ids
        input_ids[pieces:] = self.pad_id
        token_type_ids = numpy.zeros(length, numpy.int64)
        if self.second < pieces:
            token_type_ids[self.second : pieces] = 1
        mask = numpy.zeros(length, dtype=bool)
        mask[:pieces] = True
        arrays = {"input_ids": input_ids, "token_type_ids": token_type_ids, "mask": mask}
        return {self.indexer_name: {key: torch.from_numpy(each) for key, each in arrays.items()}}

    def batch_tensors(self, tensor_list: list[TextFieldTensors]) -> TextFieldTensors:
        fields = [tensors[self.indexer_name] for tensors in tensor_list]
        return {
            self.indexer_name: {
                key: torch.stack([field[key] for field in fields]) for key in fields[0]
            }
        }

    def empty_field(self) -> "WordPieceField":
        return WordPieceField(numpy.empty(0, numpy.int32), 0, self.indexer_name, self.pad_id)

    def human_readable_repr(self) -> list[int]:
        return self.ids.tolist()


def num_word_pieces(instance: Instance) -> int:
    """Counts the word pieces that BERT reads of an instance, in all of its windows or choices."""
    return sum(map(_count_pieces, instance.fields.values()))


def check_num_pieces(instance: Instance, limit: int, told: str) -> None:
    """
    Raises `RecordError` for an instance of more word pieces than something is `told` of, such as
    "word importance is told".
    """
    if (pieces := num_word_pieces(instance)) > limit:
        raise RecordError(
            f"the record has {pieces} word pieces in all; {told} of up to {limit}. Shorten it."
        )


def _count_pieces(field: Field) -> int:
    if isinstance(field, WordPieceField):
        return len(field)
    if isinstance(field, TextField):
        return max(field.get_padding_lengths().values(), default=0)
    return sum(map(_count_pieces, field)) if isinstance(field, ListField) else 0
