"""A BERT from scratch: a vocabulary learned from text, and random weights."""

import json
import logging
from collections import Counter
from pathlib import Path
from typing import Any, Iterator, Optional, Union

import torch
from allennlp.common import FromParams
from allennlp.common.checks import ConfigurationError
from tokenizers import AddedToken, BertWordPieceTokenizer
from transformers import BertConfig, BertForPreTraining, BertTokenizer

from bert_classification.archives import serialization
from bert_classification.bert.pretrained import quiet_transformers
from bert_classification.data.files import read_lines

logger = logging.getLogger(__name__)

SETTINGS = "from_scratch.json"
LATER: dict[str, Any] = {"strip_accents": None, "tokenize_chinese_chars": True, "never_split": []}
"""Settings that a directory which was made before they were there has not written."""

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


class BertFromScratch(FromParams):
    """
    What a new BERT is made of. The token indexer makes it in the directory `pretrained_model`, with
    vocabulary, configuration and weights, before the model reads it from there as `bert_model`. A
    directory that was made with the same settings is taken as it is.

    # Parameters

    text : `Union[str, List[str]]`
        The files to learn the vocabulary from, gzipped or not; usually the training data.
    vocab_size : `int`, optional (default = `30522`)
        The most word pieces to learn, special pieces included.
    lowercase : `bool`, optional (default = `True`)
        Lowercase and strip accents, as an uncased BERT does.
    strip_accents : `bool`, optional
        Strip accents, or keep them; by default as `lowercase` says.
    tokenize_chinese_chars : `bool`, optional (default = `True`)
        Make a word of each Chinese character. The Chinese of BERT needs it; Japanese is better off
        without.
    never_split : `List[str]`, optional
        Words that get a word piece of their own, as they stand in the text, such as `<user>`.
    min_frequency : `int`, optional (default = `2`)
        How often a word piece has to be found.
    limit_alphabet : `int`, optional (default = `1000`)
        How many characters the vocabulary has at most; Chinese or Japanese text needs more.
    config : `Dict[str, Any]`, optional
        Entries of transformers' `BertConfig`; the others are those of BERT-base.
    seed : `int`, optional (default = `0`)
        Decides the weights.
    encoding : `str`, optional (default = `utf-8`)
        The encoding of the files.
    """

    def __init__(
        self,
        text: Union[str, list[str]],
        vocab_size: int = 30522,
        lowercase: bool = True,
        strip_accents: Optional[bool] = None,
        tokenize_chinese_chars: bool = True,
        never_split: Optional[list[str]] = None,
        min_frequency: int = 2,
        limit_alphabet: int = 1000,
        config: Optional[dict[str, Any]] = None,
        seed: int = 0,
        encoding: str = "utf-8",
    ) -> None:
        self.text = [text] if isinstance(text, str) else list(text)
        self.vocab_size = vocab_size
        self.min_frequency = min_frequency
        self.limit_alphabet = limit_alphabet
        self.lowercase = lowercase
        self.strip_accents = strip_accents
        self.tokenize_chinese_chars = tokenize_chinese_chars
        self.never_split = _check_words(never_split or [])
        self.config = dict(config or {})
        self.seed = seed
        self.encoding = encoding
        unknown = sorted(self.config.keys() - (BertConfig().to_dict().keys() - {"vocab_size"}))
        if unknown:
            raise ConfigurationError(
                f"`from_scratch.config` has {', '.join(unknown)}; expected entries of "
                "transformers' `BertConfig`, and `vocab_size` beside `config`."
            )

    def make(self, directory: str) -> None:
        """
        Makes the BERT, unless it is there.

        # Raises

        `ConfigurationError` when the directory holds something else, when a file has no text, and
        when the configuration is not that of a BERT.
        """
        if Path(directory).exists():
            self._check_made(Path(directory))
        else:
            serialization.write_directory(Path(directory), self._write)

    def _check_made(self, directory: Path) -> None:
        if _read_settings(directory / SETTINGS) != self._settings():
            raise ConfigurationError(
                f"{directory} exists and was not made with these settings of `from_scratch`; let "
                "`pretrained_model` and `bert_model` name another directory, or take "
                "`from_scratch` out to use what is there."
            )
        logger.info("%s: made before with the same settings", directory)

    def _settings(self) -> dict[str, Any]:
        return dict(vars(self))

    def _write(self, directory: str) -> None:
        self._learn().save_model(directory)
        config = BertConfig(**self.config)
        tokenizer = BertTokenizer.from_pretrained(
            directory,
            do_lower_case=self.lowercase,
            strip_accents=self.strip_accents,
            tokenize_chinese_chars=self.tokenize_chinese_chars,
            model_max_length=config.max_position_embeddings,
        )
        tokenizer.add_tokens([AddedToken(word, normalized=False) for word in self.never_split])
        tokenizer.save_pretrained(directory)
        config.vocab_size = len(tokenizer)
        model = self._model(config)
        with quiet_transformers():
            model.save_pretrained(directory)
        Path(directory, SETTINGS).write_text(json.dumps(self._settings()))
        logger.info(
            "a new BERT: %d word pieces learned from %s, %d weights",
            *(len(tokenizer), ", ".join(self.text), model.num_parameters()),
        )

    def _learn(self) -> BertWordPieceTokenizer:
        """
        Learns the word pieces. The library numbers the characters that continue a word as a hash
        table gives them, and so breaks ties in another way each time. Learned first and given as
        special pieces, which come in order, they are the same every time; so is the alphabet.
        """
        alphabet = self._alphabet()
        characters = self._train_learner(alphabet, [], vocab_size=1)
        continuing = sorted(piece for piece in characters.get_vocab() if piece.startswith("##"))
        return self._train_learner(alphabet, continuing, self.vocab_size)

    def _train_learner(
        self, alphabet: list[str], continuing: list[str], vocab_size: int
    ) -> BertWordPieceTokenizer:
        learner = self._learner()
        learner.train_from_iterator(
            self._lines(),
            vocab_size=vocab_size,
            min_frequency=self.min_frequency,
            initial_alphabet=alphabet,
            limit_alphabet=len(alphabet),
            special_tokens=[*SPECIAL, *self.never_split, *continuing],
            show_progress=False,
        )
        return learner

    def _learner(self) -> BertWordPieceTokenizer:
        return BertWordPieceTokenizer(
            lowercase=self.lowercase,
            strip_accents=self.strip_accents,
            handle_chinese_chars=self.tokenize_chinese_chars,
        )

    def _alphabet(self) -> list[str]:
        """Finds the most frequent characters."""
        normalize = self._learner().normalize
        counts: Counter[str] = Counter()
        for line in self._lines():
            counts.update(normalize(line))
        ranked = sorted(counts, key=lambda character: (-counts[character], character))
        return [character for character in ranked if character != " "][: self.limit_alphabet]

    def _lines(self) -> Iterator[str]:
        for path in self.text:
            empty = True
            for _, line in read_lines(path, self.encoding):
                if line.strip():
                    empty = False
                    yield line
            if empty:
                raise ConfigurationError(f"{path}: there is no text in this file.")

    def _model(self, config: BertConfig) -> BertForPreTraining:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            try:
                return BertForPreTraining(config)
            except ValueError as error:
                raise ConfigurationError(f"`from_scratch.config`: {error}") from error


def _check_words(words: list[str]) -> list[str]:
    """Raises `ConfigurationError` for what cannot be a word piece of its own."""
    for word in words:
        if not isinstance(word, str) or word.split() != [word] or word in SPECIAL:
            raise ConfigurationError(
                f"`from_scratch.never_split` has {word!r}; expected words without white space that "
                f"are not {', '.join(SPECIAL)}."
            )
    if len(set(words)) < len(words):
        twice = next(word for word in words if words.count(word) > 1)
        raise ConfigurationError(f"`from_scratch.never_split` has {twice!r} twice.")
    return list(words)


def _read_settings(path: Path) -> Any:
    """Reads what a directory was made with; nothing where that is missing or broken."""
    try:
        return {**LATER, **json.loads(path.read_text(encoding="utf-8"))}
    except (OSError, ValueError, TypeError):
        return None
