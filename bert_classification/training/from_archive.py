"""
Training that starts from an archive: `"model": {"type": "from_archive", "archive_file": ...}`.

It takes the place of AllenNLP's `Model.from_archive`, which saves the vocabulary of the new data,
whose labels may stand in another order than the model's, and makes an archive that opens only as
long as the first one is there.
"""

from typing import Any, Optional

from allennlp.data import Vocabulary
from allennlp.models import Model
from transformers import BertModel

from bert_classification.archives import opening, serialization
from bert_classification.archives.named_checkpoint import BERT
from bert_classification.bert.converted import load_archive
from bert_classification.data.vocabulary import take_over

_allennlps_from_archive: Any = Model.from_archive


def from_archive(
    cls: type[Model],
    archive_file: str,
    vocab: Optional[Vocabulary] = None,
    serialization_dir: Optional[str] = None,
    bert: Optional[str] = None,
) -> Model:
    """
    Opens the model of an archive.

    # Parameters

    archive_file : `str`
        An archive, a directory of training, a checkpoint's directory, or `hf:NAME`.
    vocab : `Vocabulary`, optional
        Of the new data. For a BERT it becomes the archive's, label by label.
    serialization_dir : `str`, optional
        Given by AllenNLP: the directory of the new training.
    bert : `str`, optional
        A checkpoint in the place of the one that an archive of others names and does not carry.

    # Raises

    `ConfigurationError` when the new data has labels that a BERT of ours does not know.
    """
    if opening.are_trusted():
        return _allennlps_from_archive.__func__(cls, archive_file, vocab)
    archive = load_archive(archive_file, overrides={} if bert is None else {BERT: bert})
    model, bert = archive.model, getattr(archive.model, "bert", None)
    if not isinstance(bert, BertModel):
        if vocab is not None:
            model.vocab.extend_from_vocab(vocab)
            model.extend_embedder_vocab()
        return model
    if vocab is not None:
        take_over(vocab, model.vocab, archive_file)
    if not serialization.has_weights(serialization_dir):
        serialization.save(serialization.MODEL, serialization_dir, bert.config.save_pretrained)
        params = archive.config.get("model").as_dict(quiet=True)
        serialization.save_model_params(serialization_dir, params)
    return model
