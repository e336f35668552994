"""Text to word pieces: the fast tokenizer of a checkpoint."""

import copy
import logging
import os
from typing import Optional, Sequence, Union

import numpy
from allennlp.common.checks import ConfigurationError
from tokenizers import AddedToken, Encoding
from tokenizers import Tokenizer as FastTokenizer
from transformers import BertModel, PreTrainedTokenizerFast

from bert_classification.archives import serialization
from bert_classification.bert.casing import is_lowercasing
from bert_classification.bert.checkpoint import resolve_checkpoint

logger = logging.getLogger(__name__)

MAX_NEW_TOKENS = 10_000
"""Each is looked for at every place of a text."""

# A forked worker must not use the threads that the parent's tokenizer started.
os.register_at_fork(after_in_child=lambda: os.environ.update(TOKENIZERS_PARALLELISM="false"))


class WordPieceTokenizer:
    """
    The word pieces of a checkpoint: text to ids, and ids to BERT's `[CLS] first [SEP] second
    [SEP]`.

    # Parameters

    pretrained_model : `str`
        A directory, a name on the model hub (`NAME` or `NAME@REVISION`), an archive of ours or the
        directory of its training.
    do_lowercase : `bool`, optional
        Only for a check: when given, it must be what the checkpoint was trained with.
    never_lowercase : `Sequence[str]`
        Entries of the vocabulary that are kept as they stand in the text, such as `[unused1]`.
    max_pieces : `int`, optional
        The longest sequence, special pieces included; by default the number of the checkpoint's
        positions.
    new_tokens : `Sequence[str]`
        Words that get a word piece of their own, behind those of the checkpoint; those that have
        one already are left as they are.

    # Raises

    `ConfigurationError` when the checkpoint is not a BERT, lacks a special token, has a vocabulary
    larger than its embedding, or contradicts `do_lowercase` or `max_pieces`.
    """

    def __init__(
        self,
        pretrained_model: str,
        do_lowercase: Optional[bool] = None,
        never_lowercase: Sequence[str] = (),
        max_pieces: Optional[int] = None,
        new_tokens: Sequence[str] = (),
    ) -> None:
        checkpoint = resolve_checkpoint(pretrained_model)
        self.name = checkpoint.name
        self._config = checkpoint.config
        self.max_positions = self._config.max_position_embeddings
        self.max_pieces = self._check_length(max_pieces)
        self.pretrained = checkpoint.tokenizer
        self._check_size(self._config.vocab_size)
        self._add(new_tokens)
        self._tokenizer = FastTokenizer.from_str(self.pretrained.backend_tokenizer.to_str())
        # Checkpoints of sentence encoders keep a truncation and a padding in their tokenizer.json.
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self.lowercases = self._check_casing(do_lowercase)
        self._keep(never_lowercase)
        self.pad_id, self.unk_id, self.cls_id, self.sep_id, self.mask_id = (
            self._special_id(token) for token in ("pad", "unk", "cls", "sep", "mask")
        )
        self.special_tokens = (self.pretrained.cls_token, self.pretrained.sep_token)

    def encode(self, texts: Sequence[str]) -> list[Encoding]:
        """Splits each text into pieces with their character offsets, without special pieces."""
        return self._tokenizer.encode_batch(list(texts), add_special_tokens=False)

    def encode_words(self, sentences: Sequence[Sequence[str]]) -> list[Encoding]:
        """
        Splits texts that are split into words already; `word_ids` tells whose each piece is.
        """
        return self._tokenizer.encode_batch(
            [list(words) for words in sentences], is_pretokenized=True, add_special_tokens=False
        )

    def ids(self, texts: Sequence[str]) -> list[numpy.ndarray]:
        """Gives the piece ids of each text as int32, without special pieces; the fastest way."""
        encodings = self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
        return [numpy.array(encoding.ids, dtype=numpy.int32) for encoding in encodings]

    def convert_ids_to_tokens(self, ids: Sequence[int]) -> list[str]:
        """Looks up the word pieces with these ids, as they stand in the vocabulary."""
        return [self._tokenizer.id_to_token(int(index)) or "[UNK]" for index in ids]

    def token_to_id(self, token: str) -> Optional[int]:
        """Looks up a word piece as it stands in the vocabulary; `None` when there is none such."""
        return self._tokenizer.token_to_id(token)

    def continues_word(self, index: int) -> bool:
        """Tells whether a word piece goes on with the word of the one before it."""
        return (self._tokenizer.id_to_token(int(index)) or "").startswith("##")

    def __len__(self) -> int:
        return self._tokenizer.get_vocab_size()

    def save(self, directory: str) -> None:
        """Writes tokenizer and configuration, enough to make the same word pieces of."""
        tokenizer = copy.deepcopy(self.pretrained)
        tokenizer.add_tokens(self._kept)
        tokenizer.save_pretrained(directory)
        self._config.save_pretrained(directory)

    def _check_length(self, max_pieces: Optional[int]) -> int:
        if max_pieces is None:
            return self.max_positions
        if not 3 <= max_pieces <= self.max_positions:
            raise ConfigurationError(
                f"`max_pieces` is {max_pieces}; {self.name} takes from 3 to {self.max_positions} "
                "word pieces (max_position_embeddings), special pieces included."
            )
        return max_pieces

    def _check_size(self, embedded: int) -> None:
        pieces = len(self.pretrained)
        if pieces > embedded:
            raise ConfigurationError(
                f"{self.name}: the tokenizer has {pieces} word pieces, but the model embeds "
                f"{embedded}; tokenizer and weights are not of the same checkpoint."
            )

    def _add(self, new_tokens: Sequence[str]) -> None:
        check_new_tokens(new_tokens, self.pretrained)
        known = self.pretrained.get_vocab()
        new = [AddedToken(each, single_word=True) for each in new_tokens if each not in known]
        if not new:
            return
        # The one that was loaded is everybody's.
        self.pretrained = copy.deepcopy(self.pretrained)
        self.pretrained.add_tokens(new)
        self._config.vocab_size = max(self._config.vocab_size, len(self.pretrained))
        logger.info("%s: %d of %d new tokens added", self.name, len(new), len(new_tokens))

    def _check_casing(self, do_lowercase: Optional[bool]) -> bool:
        lowercases = is_lowercasing(self._tokenizer)
        if do_lowercase is not None and do_lowercase != lowercases:
            kind = (
                "an uncased model: its tokenizer lowercases"
                if lowercases
                else ("a cased model: its tokenizer keeps capitals")
            )
            raise ConfigurationError(
                f"`do_lowercase` is {str(do_lowercase).lower()}, but {self.name} is {kind}. Take "
                "`do_lowercase` out; the casing follows the checkpoint."
            )
        return lowercases

    def _keep(self, never_lowercase: Sequence[str]) -> None:
        unknown = [word for word in never_lowercase if self._tokenizer.token_to_id(word) is None]
        if unknown:
            raise ConfigurationError(
                f"`never_lowercase` has {', '.join(unknown)}, not in the vocabulary of "
                f"{self.name}: kept as they stand they would become [UNK]."
            )
        self._kept = [AddedToken(word, normalized=False) for word in never_lowercase]
        self._tokenizer.add_tokens(self._kept)

    def _special_id(self, token: str) -> int:
        text = getattr(self.pretrained, f"{token}_token")
        index = None if text is None else self._tokenizer.token_to_id(text)
        if index is None:
            raise ConfigurationError(
                f"The tokenizer of {self.name} has no {token} token; a BERT needs one."
            )
        return index


def check_new_tokens(words: Sequence[str], tokenizer: PreTrainedTokenizerFast) -> None:
    """Raises `ConfigurationError` for words that cannot be word pieces of their own."""
    if len(words) > MAX_NEW_TOKENS:
        raise ConfigurationError(
            f"`new_tokens` has {len(words)} words; expected at most {MAX_NEW_TOKENS}. So many are "
            "a vocabulary of their own, for which there is `from_scratch`."
        )
    normalizer = tokenizer.backend_tokenizer.normalizer
    seen: dict[str, str] = {}
    for word in words:
        if not isinstance(word, str) or word.split() != [word]:
            raise ConfigurationError(
                f"`new_tokens` has {word!r}; expected words without white space."
            )
        if word in tokenizer.all_special_tokens:
            raise ConfigurationError(
                f"`new_tokens` has {word!r}, which every text has already; take it out."
            )
        read = normalizer.normalize_str(word) if normalizer else word
        if read in seen:
            raise ConfigurationError(
                f"`new_tokens` has {seen[read]!r} and {word!r}, which are one word to the "
                "checkpoint's tokenizer; take one out."
            )
        seen[read] = word


def tokenizer_of_model(
    bert_model: Union[str, BertModel], tokenizer: Optional[str], serialization_dir: Optional[str]
) -> WordPieceTokenizer:
    """
    Finds the tokenizer of a model that deals in word pieces itself: the one that training keeps and
    an archive brings along, else that of `tokenizer` or of the checkpoint `bert_model`.
    """
    saved = serialization.saved_directory(serialization.TOKENIZER, serialization_dir)
    name = saved or tokenizer or bert_model
    if not isinstance(name, str):
        raise ConfigurationError(
            "`bert_model` is a BertModel, which has no tokenizer; name a checkpoint that has it in "
            "`tokenizer`."
        )
    return WordPieceTokenizer(name)
