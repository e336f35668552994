"""The word pieces that a BERT was trained with, beside those that the reader makes."""

import logging

import torch
from allennlp.common.checks import ConfigurationError
from transformers import PreTrainedModel, PreTrainedTokenizerFast

logger = logging.getLogger(__name__)


def check_same_pieces(
    readers: PreTrainedTokenizerFast, own: PreTrainedTokenizerFast, name: str
) -> None:
    """
    Compares the tokenizer that a reader has just left for the archive with the checkpoint's own.
    Pieces that a checkpoint keeps free (`[unused1]`) may have any name, and there may be new ones.

    # Raises

    `ConfigurationError` when an id stands for different pieces, or for none in the checkpoint.
    """
    trained = {index: piece for piece, index in own.get_vocab().items()}
    added = readers.get_added_vocab()
    for piece, index in sorted(readers.get_vocab().items(), key=lambda item: item[1]):
        meant = trained.get(index, "nothing")
        is_new = index not in trained and piece in added
        if meant != piece and not is_new and not meant.startswith("[unused"):
            raise ConfigurationError(
                f"The tokenizer and the weights are of different checkpoints: word piece {index} "
                f"is {piece!r} to `dataset_reader.token_indexers.bert.pretrained_model` and "
                f"{meant!r} to `model.bert_model` ({name}). Name the same one in both."
            )


def embed_new_pieces(
    model: PreTrainedModel, readers: PreTrainedTokenizerFast, own: PreTrainedTokenizerFast
) -> None:
    """
    Lets a checkpoint's model embed the pieces that a reader's tokenizer has beyond the checkpoint's
    own, at first each as the mean of the pieces that it had there; a head over the vocabulary, in
    the same way, predicts them.
    """
    known = set(own.get_vocab().values())
    new = {index: piece for piece, index in readers.get_vocab().items() if index not in known}
    if not new:
        return
    if max(new) >= model.get_input_embeddings().num_embeddings:
        model.resize_token_embeddings(max(new) + 1, mean_resizing=False)
    head = model.get_output_embeddings()
    tensors = [model.get_input_embeddings().weight]
    if head is not None:
        tensors += [head.bias, *([] if head.weight is tensors[0] else [head.weight])]
    with torch.no_grad():
        for index, piece in new.items():
            pieces = own(piece, add_special_tokens=False).input_ids or [own.unk_token_id]
            for tensor in tensors:
                tensor[index] = tensor[pieces].mean(0)
    logger.info("%d new word pieces, each as the mean of those that it had before", len(new))
