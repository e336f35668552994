"""
Training that starts from an archive: `"model": {"type": "from_archive", "archive_file": ...}`.

Importing this module replaces AllenNLP's `Model.from_archive`. That one saves the vocabulary of the
new data, whose labels may stand in another order than the model's, and makes an archive that opens
only as long as the first one is there.
"""

from typing import Optional

from allennlp.common.checks import ConfigurationError
from allennlp.data import Vocabulary
from allennlp.models import Model
from transformers import BertModel

from bert_classification import archives, opening

_from_archive = Model.from_archive.__func__  # type: ignore[attr-defined]


def from_archive(
    cls: type[Model],
    archive_file: str,
    vocab: Optional[Vocabulary] = None,
    serialization_dir: Optional[str] = None,
) -> Model:
    """
    The model of an archive.

    # Parameters

    archive_file : `str`
    vocab : `Vocabulary`, optional
        Of the new data. For a BERT it becomes the archive's, label by label.
    serialization_dir : `str`, optional
        Given by AllenNLP: the directory of the new training.

    # Raises

    `ConfigurationError` when the new data has labels that a BERT of ours does not know.
    """
    if opening.are_trusted():
        return _from_archive(cls, archive_file, vocab)
    archive = opening.load_archive(archive_file)
    model, bert = archive.model, getattr(archive.model, "bert", None)
    if not isinstance(bert, BertModel):
        if vocab is not None:
            model.vocab.extend_from_vocab(vocab)
            model.extend_embedder_vocab()
        return model
    if vocab is not None:
        _take_over(vocab, model.vocab, archive_file)
    if not archives.has_weights(serialization_dir):
        archives.save(archives.MODEL, serialization_dir, bert.config.save_pretrained)
        params = archive.config.get("model").as_dict(quiet=True)
        archives.save_model_params(serialization_dir, params)
    return model


def _take_over(vocab: Vocabulary, known: Vocabulary, archive_file: str) -> None:
    """Gives a new vocabulary the entries of a known one, in their order."""
    for namespace in set(vocab.get_namespaces()) & set(known.get_namespaces()):
        entries = known.get_token_to_index_vocabulary(namespace)
        new = [
            name for name in vocab.get_token_to_index_vocabulary(namespace) if name not in entries
        ]
        if new:
            raise ConfigurationError(
                f"The training data has {', '.join(map(repr, new))} in the namespace "
                f"`{namespace}`; the model of {archive_file} knows {', '.join(map(repr, entries))}."
            )
    known.extend_from_vocab(vocab)
    for part in ("_token_to_index", "_index_to_token", "_non_padded_namespaces"):
        setattr(vocab, part, getattr(known, part))


Model.from_archive = classmethod(from_archive)  # type: ignore
