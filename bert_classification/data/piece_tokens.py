"""
Word pieces as AllenNLP's `Token`s, for what looks at single ones: its attackers exchange tokens of
an instance and take some out.
"""

from typing import Any, Iterator, Optional, Sequence, Union

import numpy
import torch
from allennlp.common.checks import ConfigurationError
from allennlp.data import Token, Vocabulary
from allennlp.data.fields import ListField, SequenceField
from allennlp.data.fields.text_field import TextFieldTensors

from bert_classification.bert.word_pieces import WordPieceTokenizer
from bert_classification.data.text_field import WordPieceField


class PieceToken(Token):
    """
    A word piece at its place among those that the text had at first.

    It equals its text, and a special piece equals every text: so AllenNLP's input reduction, which
    looks for tokens in a list of texts to be spared, spares `[CLS]` and `[SEP]`.
    """

    __slots__ = ["place", "is_special"]

    def __init__(self, text: str, text_id: int, type_id: int, place: int, is_special: bool) -> None:
        super().__init__(text, text_id=text_id, type_id=type_id)
        self.place = place
        self.is_special = is_special

    def __eq__(self, other: object) -> bool:
        if isinstance(other, str):
            return self.is_special or self.text == other
        if not isinstance(other, PieceToken):
            return NotImplemented
        return (self.place, self.text_id) == (other.place, other.text_id)

    def __hash__(self) -> int:
        return hash((self.place, self.text_id))


class TokensField(SequenceField[TextFieldTensors]):
    """
    The word pieces of one text, or of the windows or choices of a list, as one list of `tokens`
    that may be changed. What is taken out is hidden from BERT and leaves its place to nobody, so
    that fields beside this one, which count places, stay true. The tokens are made when somebody
    asks for them.

    # Parameters

    field : `Union[WordPieceField, ListField]`
        What the reader made.
    tokenizer : `WordPieceTokenizer`
        Knows the names of the pieces.
    """

    def __init__(
        self, field: Union[WordPieceField, ListField], tokenizer: WordPieceTokenizer
    ) -> None:
        self._in_list = isinstance(field, ListField)
        self._texts: list[Any] = list(field.field_list) if isinstance(field, ListField) else [field]
        self._tokenizer = tokenizer
        self.ids = numpy.concatenate([text.ids for text in self._texts])
        self._places = numpy.arange(len(self.ids))
        self._tokens: Optional[list[Token]] = None

    @property
    def tokens(self) -> list[Token]:
        if self._tokens is None:
            self._tokens = list(self._make_tokens())
        return self._tokens

    @tokens.setter
    def tokens(self, tokens: Sequence[Token]) -> None:
        self._tokens = list(tokens)

    @property
    def lengths(self) -> list[int]:
        """Lists how many pieces each text had at first."""
        return [len(text) for text in self._texts]

    def index(self, vocab: Vocabulary) -> None:
        """
        Takes over what was changed in `tokens`.

        # Raises

        `ConfigurationError` for a token that is no word piece, and where a special piece is gone.
        """
        if self._tokens is None:
            return
        places = self._places_of(self._tokens)
        for place, token in zip(places, self._tokens):
            self.ids[place] = self._id_of(token)
        gone = numpy.setdiff1d(numpy.flatnonzero(self._are_special(self.ids)), places)
        if len(gone):
            raise ConfigurationError(
                f"{self._name(gone[0])} was taken out of the tokens, which BERT cannot read a text "
                "without; let `ignore_tokens` name it."
            )
        self._places = places
        self._tokens = list(self._make_tokens())

    def sequence_length(self) -> int:
        return len(self.tokens)

    def get_padding_lengths(self) -> dict[str, int]:
        longest = max(self.lengths)
        if self._in_list:
            return {"num_fields": len(self._texts), "list_pieces": longest}
        return {"pieces": longest}

    def as_tensor(self, padding_lengths: dict[str, int]) -> TextFieldTensors:
        """Gives the tensors of all texts end to end, as AllenNLP's HotFlip reads them."""
        rows = padding_lengths.get("num_fields", 1)
        pieces = padding_lengths["list_pieces" if self._in_list else "pieces"]
        empty = [self._texts[0].empty_field()] * (rows - len(self._texts))
        name = self._texts[0].indexer_name
        tensors = [text.as_tensor({"pieces": pieces})[name] for text in [*self._current(), *empty]]
        flat = {key: torch.cat([row[key] for row in tensors]) for key in tensors[0]}
        shape = (rows, pieces) if self._in_list else (pieces,)
        return {name: flat, "shape": shape}  # type: ignore[dict-item]

    def batch_tensors(self, tensor_list: list[TextFieldTensors]) -> TextFieldTensors:
        name = self._texts[0].indexer_name
        shape: Any = tensor_list[0]["shape"]
        stacked = {
            key: torch.stack([tensors[name][key] for tensors in tensor_list]).unflatten(1, shape)
            for key in tensor_list[0][name]
        }
        return {name: stacked}

    def empty_field(self) -> "TokensField":
        return TokensField(self._texts[0].empty_field(), self._tokenizer)

    def __deepcopy__(self, memo: dict) -> "TokensField":
        copied = TokensField.__new__(TokensField)
        copied.__dict__.update(self.__dict__)
        copied.ids, copied._tokens = self.ids.copy(), self._tokens and list(self._tokens)
        return copied

    def human_readable_repr(self) -> list[str]:
        return [str(token) for token in self.tokens]

    def _current(self) -> Iterator["_PartlyHidden"]:
        kept = numpy.zeros(len(self.ids), bool)
        kept[self._places] = True
        ends = numpy.cumsum(self.lengths)[:-1]
        for text, ids, seen in zip(
            self._texts, numpy.split(self.ids, ends), numpy.split(kept, ends)
        ):
            yield _PartlyHidden(ids, text.second, text.indexer_name, text.pad_id, seen)

    def _make_tokens(self) -> Iterator[PieceToken]:
        columns = numpy.concatenate([numpy.arange(length) for length in self.lengths])
        types = columns >= numpy.repeat([text.second for text in self._texts], self.lengths)
        special = self._are_special(self.ids)
        names = self._tokenizer.convert_ids_to_tokens(self.ids[self._places].tolist())
        for place, name in zip(self._places.tolist(), names):
            yield PieceToken(
                name, int(self.ids[place]), int(types[place]), place, bool(special[place])
            )

    def _places_of(self, tokens: Sequence[Token]) -> numpy.ndarray:
        """Finds the places of tokens; a foreign one stands for what it was put in the place of."""
        foreign = [index for index, each in enumerate(tokens) if not isinstance(each, PieceToken)]
        if foreign and len(tokens) != len(self._places):
            raise ConfigurationError(
                f"The token {str(tokens[foreign[0]])!r} is new, and others were taken out; "
                "exchange tokens and take them out one after the other."
            )
        return numpy.array(
            [
                token.place if isinstance(token, PieceToken) else self._places[index]
                for index, token in enumerate(tokens)
            ],
            dtype=int,
        )

    def _id_of(self, token: Token) -> int:
        found = token.text_id
        if found is None:
            found = self._tokenizer.token_to_id(str(token))
        if found is None:
            raise ConfigurationError(f"The token {str(token)!r} is no word piece of this BERT.")
        return found

    def _are_special(self, ids: numpy.ndarray) -> numpy.ndarray:
        tokenizer = self._tokenizer
        return numpy.isin(ids, [tokenizer.cls_id, tokenizer.sep_id, tokenizer.mask_id])

    def _name(self, place: int) -> str:
        return self._tokenizer.convert_ids_to_tokens([self.ids[place]])[0]


class _PartlyHidden(WordPieceField):
    """A text some of whose pieces BERT does not see."""

    __slots__ = ["seen"]

    def __init__(self, ids, second, indexer_name, pad_id, seen: numpy.ndarray) -> None:
        super().__init__(ids, second, indexer_name, pad_id)
        self.seen = seen

    def as_tensor(self, padding_lengths: dict[str, int]) -> TextFieldTensors:
        tensors = super().as_tensor(padding_lengths)
        tensors[self.indexer_name]["mask"][: len(self.ids)] = torch.from_numpy(self.seen)
        return tensors
