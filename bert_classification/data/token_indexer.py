"""The token indexer `bert-pretrained`: tokens of any tokenizer to BERT's word pieces."""

import logging
from itertools import accumulate
from typing import Optional

import torch
from allennlp.common.checks import ConfigurationError
from allennlp.data import Token, TokenIndexer, Vocabulary
from allennlp.data.token_indexers.token_indexer import IndexedTokenList

from bert_classification.archives import serialization
from bert_classification.bert.word_pieces import WordPieceTokenizer
from bert_classification.data.from_scratch import BertFromScratch
from bert_classification.data.piece_names import add_piece_names
from bert_classification.data.segments import longest_first

logger = logging.getLogger(__name__)


@TokenIndexer.register("bert-pretrained")
class PretrainedBertIndexer(TokenIndexer):
    """
    Splits the tokens of a `TextField`, whatever tokenizer made them, into the word pieces of a BERT
    checkpoint and adds `[CLS]` and `[SEP]`, once: tokens that bring them already are left as they
    are. Where the `type_id` of the tokens turns from 0 to 1 a second segment begins.

    The tensors are `input_ids`, `token_type_ids` and `mask`, of shape `(batch_size, pieces)`, where
    `mask` is false on padding, and `offsets`, of shape `(batch_size, tokens)`: the piece a token
    ends with. A token that no piece stands for (a control character) becomes `[UNK]`; the offset of
    one that was cut off is the `[SEP]` of its segment.

    # Parameters

    pretrained_model : `str`
        A directory, a name on the model hub (`NAME` or `NAME@REVISION`), an archive of ours or the
        directory of its training.
    use_starting_offsets : `bool`, optional (default = `False`)
        Let `offsets` point to the piece a token begins with.
    do_lowercase : `bool`, optional
        The casing follows the checkpoint; a value that contradicts it is an error.
    never_lowercase : `List[str]`, optional
        Entries of the vocabulary that are kept as they stand in the text, such as `[unused1]`.
    max_pieces : `int`, optional
        The longest sequence, special pieces included; by default the number of the checkpoint's
        positions.
    truncate_long_sequences : `bool`, optional (default = `True`)
        Cut a longer text, of a pair the longer one first; otherwise it is an error.
    truncate_whole_words : `bool`, optional (default = `False`)
        Cut a longer text behind its last whole word, as AllenNLP 0.9 did.
    token_mask : `bool`, optional (default = `False`)
        For models of words, as taggers are, on the embedder `bert-pretrained`: `mask`, of shape
        `(batch_size, tokens)`, is that of the tokens, and two tensors more are `wordpiece_mask` and
        `token_spans`, of shape `(batch_size, tokens, 2)`, the first and the last piece of each.
    token_min_padding_length : `int`, optional (default = `0`)
        As in every AllenNLP indexer.
    from_scratch : `BertFromScratch`, optional
        Makes a new BERT in the directory `pretrained_model`, where there is none yet.
    serialization_dir : `str`, optional
        Given by AllenNLP: where training keeps the tokenizer, and where an archive has it.
    """

    def __init__(
        self,
        pretrained_model: str,
        use_starting_offsets: bool = False,
        do_lowercase: Optional[bool] = None,
        never_lowercase: Optional[list[str]] = None,
        max_pieces: Optional[int] = None,
        truncate_long_sequences: bool = True,
        truncate_whole_words: bool = False,
        token_mask: bool = False,
        token_min_padding_length: int = 0,
        from_scratch: Optional[BertFromScratch] = None,
        serialization_dir: Optional[str] = None,
    ) -> None:
        super().__init__(token_min_padding_length)
        saved = serialization.saved_directory(serialization.TOKENIZER, serialization_dir)
        if saved is None and from_scratch is not None:
            from_scratch.make(pretrained_model)
        self.tokenizer = WordPieceTokenizer(
            saved or pretrained_model, do_lowercase, never_lowercase or (), max_pieces
        )
        if saved is None:
            serialization.save(serialization.TOKENIZER, serialization_dir, self.tokenizer.save)
        self.truncate_long_sequences = truncate_long_sequences
        self.truncate_whole_words = truncate_whole_words
        self._use_starting_offsets = use_starting_offsets
        self._token_mask = token_mask
        self._cut = 0

    def count_vocab_items(self, token: Token, counter: dict[str, dict[str, int]]) -> None:
        """Counts nothing: the word pieces are the checkpoint's, not the vocabulary's."""

    def tokens_to_indices(self, tokens: list[Token], vocabulary: Vocabulary) -> IndexedTokenList:
        # Models of others name the pieces of a text in their output.
        if vocabulary is not None:
            add_piece_names(vocabulary, self.tokenizer, len(self.tokenizer))
        segments = self._segments(tokens)
        words = [self._pieces_of_words(tokens, segment) for segment in segments]
        lengths = self._fit([sum(map(len, pieces)) for pieces in words], tokens)
        if self.truncate_whole_words:
            lengths = [_whole_words(*each) for each in zip(words, lengths)]
        input_ids, token_type_ids = [self.tokenizer.cls_id], [0]
        spans = [(0, 0)] * len(tokens)
        for type_id, (segment, pieces_of_words, length) in enumerate(zip(segments, words, lengths)):
            start, end = len(input_ids), len(input_ids) + length
            input_ids += [piece for pieces in pieces_of_words for piece in pieces][:length]
            input_ids.append(self.tokenizer.sep_id)
            token_type_ids += [type_id] * (length + 1)
            for position, pieces in zip(segment, pieces_of_words):
                spans[position] = (min(start, end), min(start + len(pieces) - 1, end))
                start += len(pieces)
        tensors: IndexedTokenList = {
            "input_ids": input_ids,
            "token_type_ids": token_type_ids,
            "mask": [True] * len(input_ids),
            "offsets": [span[0 if self._use_starting_offsets else 1] for span in spans],
        }
        if self._token_mask:
            wordpiece_mask, mask = tensors["mask"], [True] * len(tokens)
            tensors.update(mask=mask, wordpiece_mask=wordpiece_mask, token_spans=spans)
        return tensors

    def _segments(self, tokens: list[Token]) -> list[list[int]]:
        """
        Finds the positions of the words in one or two segments, without special tokens that the
        tokens bring along.
        """
        cls, sep = self.tokenizer.special_tokens
        positions = list(range(len(tokens)))
        if tokens and tokens[0].text == cls:
            ends_with_sep = len(tokens) > 1 and tokens[-1].text == sep
            positions = positions[1 : len(positions) - ends_with_sep]
            cut = next((index for index in positions if tokens[index].text == sep), None)
            second_starts = None if cut is None else cut + 1
            positions = [index for index in positions if index != cut]
        else:
            second_starts = next((index for index in positions if tokens[index].type_id == 1), None)
        if second_starts is None:
            return [positions]
        return [
            [index for index in positions if index < second_starts],
            [index for index in positions if index >= second_starts],
        ]

    def _pieces_of_words(self, tokens: list[Token], segment: list[int]) -> list[list[int]]:
        texts = [tokens[index].text or "" for index in segment]
        (encoding,) = self.tokenizer.encode_words([texts])
        words: list[list[int]] = [[] for _ in segment]
        for piece, word in zip(encoding.ids, encoding.word_ids):
            if word is not None:
                words[word].append(piece)
        return [pieces or [self.tokenizer.unk_id] for pieces in words]

    def _fit(self, lengths: list[int], tokens: list[Token]) -> list[int]:
        room = self.tokenizer.max_pieces - 1 - len(lengths)
        if sum(lengths) <= room:
            return lengths
        if not self.truncate_long_sequences:
            raise ConfigurationError(
                f"A text of {sum(lengths) + 1 + len(lengths)} word pieces, more than `max_pieces` "
                f"({self.tokenizer.max_pieces}), with `truncate_long_sequences: false`: "
                f"{' '.join(str(token) for token in tokens[:12])} ..."
            )
        self._cut += 1
        if self._cut == 1:
            logger.warning(
                "A text of %d word pieces is cut to `max_pieces` (%d); further ones are cut "
                "silently.",
                sum(lengths) + 1 + len(lengths),
                self.tokenizer.max_pieces,
            )
        return [room] if len(lengths) == 1 else list(longest_first(lengths[0], lengths[1], room))

    def get_empty_token_list(self) -> IndexedTokenList:
        keys = ["input_ids", "token_type_ids", "mask", "offsets"]
        return {key: [] for key in keys + ["wordpiece_mask", "token_spans"] * self._token_mask}

    def indices_to_tokens(
        self, indexed_tokens: IndexedTokenList, vocabulary: Vocabulary
    ) -> list[Token]:
        ids, types = indexed_tokens["input_ids"], indexed_tokens["token_type_ids"]
        return [
            Token(piece, text_id=index, type_id=type_id)
            for piece, index, type_id in zip(self.tokenizer.convert_ids_to_tokens(ids), ids, types)
        ]

    def as_padded_tensor_dict(
        self, tokens: IndexedTokenList, padding_lengths: dict[str, int]
    ) -> dict[str, torch.Tensor]:
        padding = {"input_ids": self.tokenizer.pad_id, "token_spans": (0, 0)}
        return {
            key: torch.tensor(
                values + [padding.get(key, 0)] * (padding_lengths[key] - len(values)),
                dtype=torch.bool if key.endswith("mask") else torch.long,
            )
            for key, values in tokens.items()
        }


def _whole_words(pieces_of_words: list[list[int]], room: int) -> int:
    """Counts the pieces of the first words that are whole within so many pieces."""
    ends = accumulate(map(len, pieces_of_words), initial=0)
    return max(end for end in ends if end <= room)
