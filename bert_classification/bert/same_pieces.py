"""The word pieces that a BERT was trained with, beside those that the reader makes."""

from allennlp.common.checks import ConfigurationError
from transformers import PreTrainedTokenizerFast


def check_same_pieces(
    readers: PreTrainedTokenizerFast, own: PreTrainedTokenizerFast, name: str
) -> None:
    """
    Compares the tokenizer that a reader has just left for the archive with the checkpoint's own.
    Pieces that a checkpoint keeps free (`[unused1]`) may have any name.

    # Raises

    `ConfigurationError` when an id stands for different pieces, or for none in the checkpoint.
    """
    trained = {index: piece for piece, index in own.get_vocab().items()}
    for piece, index in sorted(readers.get_vocab().items(), key=lambda item: item[1]):
        meant = trained.get(index, "nothing")
        if meant != piece and not meant.startswith("[unused"):
            raise ConfigurationError(
                f"The tokenizer and the weights are of different checkpoints: word piece {index} "
                f"is {piece!r} to `dataset_reader.token_indexers.bert.pretrained_model` and "
                f"{meant!r} to `model.bert_model` ({name}). Name the same one in both."
            )
