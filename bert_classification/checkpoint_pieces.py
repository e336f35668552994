"""The word pieces that a BERT was trained with, beside those that the reader makes."""

from typing import Optional, Union

from allennlp.common.checks import ConfigurationError
from transformers import BertModel, PreTrainedTokenizerFast

from bert_classification import archived_bert, archives
from bert_classification.tokenization import load_tokenizer

Checkpoint = Union[str, BertModel, None]


def cls_id(bert_model: Checkpoint, serialization_dir: Optional[str]) -> Optional[int]:
    """The piece that every text begins with; `None` where no tokenizer is known."""
    tokenizer = _readers(serialization_dir) or _tokenizer(bert_model)
    return None if tokenizer is None else tokenizer.cls_token_id


def check_same_pieces(bert_model: Checkpoint, serialization_dir: Optional[str]) -> None:
    """
    Compares the tokenizer that a reader has just left for the archive with the checkpoint's own, so
    far as both are there. Pieces that a checkpoint keeps free (`[unused1]`) may have any name.

    # Raises

    `ConfigurationError` when an id stands for different pieces, or has no place in the checkpoint.
    """
    readers, own = _readers(serialization_dir), _tokenizer(bert_model)
    if readers is None or own is None:
        return
    trained = {number: piece for piece, number in own.get_vocab().items()}
    for piece, number in sorted(readers.get_vocab().items(), key=lambda item: item[1]):
        meant = trained.get(number, "nothing")
        if meant != piece and not meant.startswith("[unused"):
            raise ConfigurationError(
                f"The tokenizer and the weights are of different checkpoints: word piece {number} "
                f"is {piece!r} to `dataset_reader.token_indexers.bert.pretrained_model` and "
                f"{meant!r} to `model.bert_model` ({bert_model}). Name the same one in both."
            )


def _readers(serialization_dir: Optional[str]) -> Optional[PreTrainedTokenizerFast]:
    return _tokenizer(archives.saved(archives.TOKENIZER, serialization_dir))


def _tokenizer(name: Checkpoint) -> Optional[PreTrainedTokenizerFast]:
    if not isinstance(name, str):
        return None
    try:
        tokenizer = load_tokenizer(archived_bert.opened(name, archives.TOKENIZER))
    except ConfigurationError:
        return None
    # Of a checkpoint without a tokenizer transformers makes one of special pieces alone.
    return tokenizer if len(tokenizer) > len(tokenizer.all_special_ids) else None
