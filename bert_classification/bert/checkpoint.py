"""A checkpoint, found by its name: where it lies, its configuration, its tokenizer, its weights."""

import os
from contextlib import AbstractContextManager
from functools import lru_cache
from typing import NamedTuple, Optional

from allennlp.common.checks import ConfigurationError
from transformers import AutoTokenizer, BertConfig, PreTrainedTokenizerFast

from bert_classification.archives.archived_bert import ArchivedBert, find_archived_bert
from bert_classification.archives.extraction import naming
from bert_classification.archives.hub import find_checkpoint, is_hub_name
from bert_classification.archives.serialization import DECODER, saved_directory
from bert_classification.archives.weights import State
from bert_classification.bert.casing import guess_casing, warn_of_wrong_casing
from bert_classification.bert.config import explain_errors, read_config
from bert_classification.bert.halves import ARCHITECTURE, read_half


class Checkpoint(NamedTuple):
    """
    What a name stands for, resolved once by `resolve_checkpoint`.

    name : `str`
        As the user gave it, for messages.
    directory : `str`
        Where configuration and weights lie; or the name on the model hub.
    config : `BertConfig`
        As it was saved. It is the caller's own: changes reach nobody else.
    archived : `ArchivedBert`, optional
        In an archive of ours, or the directory of its training, where the parts lie.
    decoder : `bool`
        Whether of a checkpoint of encoder and decoder the second half is meant.
    """

    name: str
    directory: str
    config: BertConfig
    archived: Optional[ArchivedBert] = None
    decoder: bool = False

    @property
    def tokenizer(self) -> PreTrainedTokenizerFast:
        """Loads the fast tokenizer; `ConfigurationError` when there is none."""
        with _naming(self.archived):
            return load_tokenizer(self.archived.tokenizer if self.archived else self.directory)

    def find_tokenizer(self) -> Optional[PreTrainedTokenizerFast]:
        """Loads the tokenizer where the checkpoint has one of its own; else `None`."""
        try:
            tokenizer = self.tokenizer
        except ConfigurationError:
            return None
        # Of a checkpoint without a tokenizer transformers makes one of special pieces alone.
        return tokenizer if len(tokenizer) > len(tokenizer.all_special_ids) else None

    def read_weights(self) -> Optional[State]:
        """
        Reads the weights of an archive or of a half; `None` for others, which `from_pretrained`
        reads.
        """
        if self.archived is not None:
            state = self.archived.read_weights()
            own = {name: each for name, each in state.items() if name.startswith("decoder.")}
            if self.decoder and own:
                return {name.removeprefix("decoder."): each for name, each in own.items()}
            return state
        if self.config.architectures == [ARCHITECTURE]:
            return read_half(self.directory, self.decoder)
        return None


def resolve_checkpoint(name: str, decoder: bool = False) -> Checkpoint:
    """
    Finds a checkpoint.

    # Parameters

    name : `str`
        A directory, a name on the model hub, `NAME` or `NAME@REVISION` with or without `hf:` before
        it, an archive of ours or the directory of its training.
    decoder : `bool`, optional (default = `False`)
        Whether of a checkpoint of encoder and decoder the second half is meant.

    # Raises

    `ConfigurationError` when there is none, or when it is not a BERT; see `read_config`.
    """
    if not isinstance(name, (str, os.PathLike)):
        raise ConfigurationError(
            f"A {type(name).__name__} ({str(name)[:40]!r}) names no BERT; expected a directory, a "
            "name on the model hub, or an archive of ours. A model's `bert_model` may be a "
            "`BertModel` as well, which is the `bert` of every `BertFor...`."
        )
    name = os.fspath(name)
    location = os.path.expanduser(name)
    if is_hub_name(name) or ("@" in name and not os.path.exists(location)):
        location = str(find_checkpoint(name))
    with explain_errors(f"{name} cannot be read"):
        archived = find_archived_bert(location)
    directory = archived.configuration if archived else location
    if archived and decoder:
        directory = saved_directory(DECODER, str(archived.root)) or directory
    with _naming(archived):
        return Checkpoint(name, directory, read_config(directory, decoder), archived, decoder)


def _naming(archived: Optional[ArchivedBert]) -> AbstractContextManager[None]:
    """Lets an error name an archive in the place of the directory that it was taken apart in."""
    return naming({} if archived is None else {str(archived.root): archived.name})


@lru_cache(maxsize=8)
def load_tokenizer(directory: str) -> PreTrainedTokenizerFast:
    """
    Loads the fast tokenizer in a directory, or of a name on the model hub; each once a process.

    # Raises

    `ConfigurationError` when there is none.
    """
    with explain_errors(f"{directory} has no tokenizer that can be read"):
        tokenizer = AutoTokenizer.from_pretrained(
            directory, trust_remote_code=False, **guess_casing(directory)
        )
    if not tokenizer.is_fast:
        raise ConfigurationError(f"{directory} has no fast tokenizer; save one as tokenizer.json.")
    warn_of_wrong_casing(directory, tokenizer)
    return tokenizer
