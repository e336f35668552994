"""Text to word pieces: the fast tokenizer of a checkpoint, and the tokenizer `bert-basic`."""

import copy
import logging
import os
from functools import lru_cache
from typing import Optional, Sequence, Union

import numpy
from allennlp.common.checks import ConfigurationError
from allennlp.data.tokenizers import Token, Tokenizer
from tokenizers import AddedToken, Encoding, PreTokenizedString
from tokenizers import Tokenizer as FastTokenizer
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer
from transformers import AutoTokenizer, BertModel, PreTrainedTokenizerFast

from bert_classification import archived_bert, archives
from bert_classification.bert_config import read_config

logger = logging.getLogger(__name__)

# A forked worker must not use the threads that the parent's tokenizer started.
os.register_at_fork(after_in_child=lambda: os.environ.update(TOKENIZERS_PARALLELISM="false"))


class WordPieces:
    """
    The word pieces of a checkpoint: text to ids, and ids to BERT's `[CLS] first [SEP] second
    [SEP]`.

    # Parameters

    pretrained_model : `str`
        A directory, a name on the model hub, an archive of ours or the directory of its training.
    do_lowercase : `bool`, optional
        Only for a check: when given, it must be what the checkpoint was trained with.
    never_lowercase : `Sequence[str]`
        Entries of the vocabulary that are kept as they stand in the text, such as `[unused1]`.
    max_pieces : `int`, optional
        The longest sequence, special pieces included; by default the number of the checkpoint's
        positions.

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
    ) -> None:
        self.name = pretrained_model
        directory = archived_bert.opened(pretrained_model, archives.TOKENIZER)
        self._config = read_config(directory)
        self.max_positions = self._config.max_position_embeddings
        self.max_pieces = self._checked_length(max_pieces)
        self.pretrained = load_tokenizer(directory)
        self._tokenizer = FastTokenizer.from_str(self.pretrained.backend_tokenizer.to_str())
        # Checkpoints of sentence encoders keep a truncation and a padding in their tokenizer.json.
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._check_size(self._config.vocab_size)
        self.lowercases = self._checked_casing(do_lowercase)
        self._keep(never_lowercase)
        self.pad_id, self.unk_id, self.cls_id, self.sep_id, self.mask_id = (
            self._special_id(token) for token in ("pad", "unk", "cls", "sep", "mask")
        )
        self.special_tokens = (self.pretrained.cls_token, self.pretrained.sep_token)

    def encode(self, texts: Sequence[str]) -> list[Encoding]:
        """The pieces of each text with their character offsets, without special pieces."""
        return self._tokenizer.encode_batch(list(texts), add_special_tokens=False)

    def encode_words(self, sentences: Sequence[Sequence[str]]) -> list[Encoding]:
        """
        The pieces of texts that are split into words already; `word_ids` tells whose each piece is.
        """
        return self._tokenizer.encode_batch(
            [list(words) for words in sentences], is_pretokenized=True, add_special_tokens=False
        )

    def ids(self, texts: Sequence[str]) -> list[numpy.ndarray]:
        """The piece ids of each text as int32, without special pieces; the fastest way."""
        encodings = self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
        return [numpy.array(encoding.ids, dtype=numpy.int32) for encoding in encodings]

    def pieces(self, ids: Sequence[int]) -> list[str]:
        """The word pieces with these ids, as they stand in the vocabulary."""
        return [self._tokenizer.id_to_token(int(number)) or "[UNK]" for number in ids]

    def __len__(self) -> int:
        return self._tokenizer.get_vocab_size()

    def save(self, directory: str) -> None:
        """Writes tokenizer and configuration, enough to make the same word pieces of."""
        tokenizer = copy.deepcopy(self.pretrained)
        tokenizer.add_tokens(self._kept)
        tokenizer.save_pretrained(directory)
        self._config.save_pretrained(directory)

    def _checked_length(self, max_pieces: Optional[int]) -> int:
        if max_pieces is None:
            return self.max_positions
        if not 3 <= max_pieces <= self.max_positions:
            raise ConfigurationError(
                f"`max_pieces` is {max_pieces}; {self.name} takes from 3 to {self.max_positions} "
                "word pieces (max_position_embeddings), special pieces included."
            )
        return max_pieces

    def _check_size(self, embedded: int) -> None:
        if len(self) > embedded:
            raise ConfigurationError(
                f"{self.name}: the tokenizer has {len(self)} word pieces, but the model embeds "
                f"{embedded}; tokenizer and weights are not of the same checkpoint."
            )

    def _checked_casing(self, do_lowercase: Optional[bool]) -> bool:
        lowercases = _lowercases(self._tokenizer)
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
        number = None if text is None else self._tokenizer.token_to_id(text)
        if number is None:
            raise ConfigurationError(
                f"The tokenizer of {self.name} has no {token} token; a BERT needs one."
            )
        return number


def pieces_of_model(
    bert_model: Union[str, BertModel], tokenizer: Optional[str], serialization_dir: Optional[str]
) -> WordPieces:
    """
    The word pieces of a model that deals in them itself: those that training keeps and an archive
    brings along, else those of `tokenizer` or of the checkpoint `bert_model`.
    """
    name = archives.saved(archives.TOKENIZER, serialization_dir) or tokenizer or bert_model
    if not isinstance(name, str):
        raise ConfigurationError(
            "`bert_model` is a BertModel, which has no tokenizer; name a checkpoint that has it in "
            "`tokenizer`."
        )
    return WordPieces(name)


@lru_cache(maxsize=8)
def load_tokenizer(name: str) -> PreTrainedTokenizerFast:
    try:
        tokenizer = AutoTokenizer.from_pretrained(
            name, trust_remote_code=False, **_guessed_casing(name)
        )
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{name} has no tokenizer that can be read: {error}") from error
    if not tokenizer.is_fast:
        raise ConfigurationError(f"{name} has no fast tokenizer; save one as tokenizer.json.")
    _compare_casing(name, tokenizer)
    return tokenizer


def _lowercases(tokenizer: FastTokenizer) -> bool:
    normalizer = tokenizer.normalizer
    return normalizer is not None and normalizer.normalize_str("A") == "a"


def _compare_casing(name: str, tokenizer: PreTrainedTokenizerFast) -> None:
    """Warns of a tokenizer whose casing cannot be that of its vocabulary."""
    pieces = [piece for piece in tokenizer.get_vocab() if piece[0] != "["]
    capitals = [piece for piece in pieces if piece != piece.lower()]
    lowercases = _lowercases(tokenizer.backend_tokenizer)
    # A few may stand in the vocabulary of an uncased BERT.
    if lowercases and len(capitals) > len(pieces) / 100:
        logger.warning(
            "%s: the tokenizer lowercases, but %d of its word pieces have capitals (%s): a cased "
            "BERT. Set `do_lower_case` to false in its tokenizer_config.json.",
            *(name, len(capitals), capitals[0]),
        )
    if pieces and not lowercases and not capitals:
        logger.warning(
            "%s: the tokenizer keeps capitals, but none of its word pieces has one, and words with "
            "a capital become [UNK]: an uncased BERT. Set `do_lower_case` to true in its "
            "tokenizer_config.json.",
            name,
        )


def _guessed_casing(name: str) -> dict:
    """
    The casing of a directory that holds vocab.txt alone. transformers takes such a tokenizer for an
    uncased one; a vocabulary with capitals (beside `[CLS]` and its like) is cased.
    """
    settings = (os.path.join(name, file) for file in ("tokenizer.json", "tokenizer_config.json"))
    vocabulary = os.path.join(name, "vocab.txt")
    if any(os.path.exists(file) for file in settings) or not os.path.exists(vocabulary):
        return {}
    with open(vocabulary, encoding="utf-8") as lines:
        return {"do_lower_case": not any(line[0] != "[" and line != line.lower() for line in lines)}


@Tokenizer.register("bert-basic")
class BertBasicTokenizer(Tokenizer):
    """
    Splits text at white space and punctuation, as BERT does before it looks for word pieces (Devlin
    et al. 2019,
    `BasicTokenizer` in the original implementation). Each token keeps its place in the text.

    # Parameters

    do_lower_case : `bool`, optional (default = `False`)
        Lowercase and strip accents. The checkpoint's own tokenizer does this in any case where it
        should be done.
    never_split : `List[str]`, optional
        Words to keep whole, for example `["[MASK]"]`.
    """

    def __init__(
        self, do_lower_case: bool = False, never_split: Optional[list[str]] = None
    ) -> None:
        self._normalizer = BertNormalizer(lowercase=do_lower_case)
        self._splitter = BertPreTokenizer()
        self._never_split = tuple(never_split or ())

    def tokenize(self, text: str) -> list[Token]:
        tokens: list[Token] = []
        for start, end in self._spans(text):
            part = text[start:end]
            if part in self._never_split:
                tokens.append(Token(part, idx=start, idx_end=end))
            else:
                tokens.extend(self._split(part, start))
        return tokens

    def _split(self, part: str, start: int) -> list[Token]:
        splits = PreTokenizedString(part)
        splits.normalize(lambda normalized: self._normalizer.normalize(normalized))
        self._splitter.pre_tokenize(splits)
        return [
            Token(word, idx=start + begin, idx_end=start + end)
            for word, (begin, end), _ in splits.get_splits(
                offset_referential="original", offset_type="char"
            )
        ]

    def _spans(self, text: str) -> list[tuple[int, int]]:
        """The words never to split, and what lies between them."""
        spans, start = [], 0
        while start < len(text):
            found = [(text.find(word, start), word) for word in self._never_split]
            begin, word = min(
                ((at, word) for at, word in found if at >= 0), default=(len(text), "")
            )
            if begin > start:
                spans.append((start, begin))
            if word:
                spans.append((begin, begin + len(word)))
            start = begin + len(word)
        return spans
