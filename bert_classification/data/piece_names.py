"""The names of word pieces where AllenNLP looks for names: in a vocabulary."""

from typing import Iterator, Mapping

from allennlp.data import Vocabulary

from bert_classification.bert.word_pieces import WordPieceTokenizer

NAMESPACE = "tokens"
"""Where AllenNLP's attackers look for the names of pieces, when nothing is said."""


class PieceNames(Mapping[int, str]):
    """The names of all pieces that a BERT embeds, looked up one by one."""

    def __init__(self, tokenizer: WordPieceTokenizer, embedded: int) -> None:
        self._tokenizer = tokenizer
        self._embedded = embedded

    def __getitem__(self, index: int) -> str:
        if not 0 <= index < self._embedded:
            raise KeyError(index)
        return self._tokenizer.convert_ids_to_tokens([index])[0]

    def __iter__(self) -> Iterator[int]:
        return iter(range(self._embedded))

    def __len__(self) -> int:
        return self._embedded


class PieceIds(Mapping[str, int]):
    """The ids of all pieces, looked up one by one."""

    def __init__(self, tokenizer: WordPieceTokenizer) -> None:
        self._tokenizer = tokenizer

    def __getitem__(self, name: str) -> int:
        index = self._tokenizer.token_to_id(name)
        if index is None:
            raise KeyError(name)
        return index

    def __iter__(self) -> Iterator[str]:
        return iter(self._tokenizer.convert_ids_to_tokens(range(len(self))))

    def __len__(self) -> int:
        return len(self._tokenizer)


def add_piece_names(vocab: Vocabulary, tokenizer: WordPieceTokenizer, embedded: int) -> None:
    """
    Lets a vocabulary know the word pieces under `NAMESPACE`, if nothing else is there. Nothing is
    copied.
    """
    if NAMESPACE not in vocab._index_to_token:
        vocab._index_to_token[NAMESPACE] = PieceNames(tokenizer, embedded)  # type: ignore[assignment]
        vocab._token_to_index[NAMESPACE] = PieceIds(tokenizer)  # type: ignore[assignment]
