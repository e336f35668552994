"""The vocabulary's files, which hold an entry a line: they must give back the labels they got."""

from contextlib import contextmanager
from typing import Any, Iterator

from allennlp.common.checks import ConfigurationError
from allennlp.data import Vocabulary

_allennlps_save_to_files: Any = Vocabulary.save_to_files


def save_to_files(self: Vocabulary, directory: str) -> None:
    """
    Saves a vocabulary as AllenNLP does.

    # Raises

    `ConfigurationError` for a label that would be another one in the archive: AllenNLP takes its
    carriage return for a part of the line's end, and writes a line feed as `@@NEWLINE@@`. Words,
    which may be unknown to a model, are written as they come. Names of word pieces, which are only
    looked up by way of the vocabulary, are not written.
    """
    for namespace in self.get_namespaces():
        if not self.is_padded(namespace):
            for label in self.get_token_to_index_vocabulary(namespace):
                _check_label(label, namespace)
    with _without_looked_up(self):
        _allennlps_save_to_files(self, directory)


@contextmanager
def _without_looked_up(vocab: Vocabulary) -> Iterator[None]:
    """Takes out the namespaces that are no dictionaries of the vocabulary's own, for a while."""
    names, ids = vocab._index_to_token, vocab._token_to_index
    looked_up = [key for key, names_of in names.items() if not isinstance(names_of, dict)]
    taken = [(key, names.pop(key), ids.pop(key)) for key in looked_up]
    try:
        yield
    finally:
        for key, names_of, ids_of in taken:
            names[key], ids[key] = names_of, ids_of


def _check_label(label: str, namespace: str) -> None:
    if not label or label.endswith("\r") or "@@NEWLINE@@" in label:
        raise ConfigurationError(
            f"The label {label!r} (namespace `{namespace}`) cannot be kept in an archive, whose "
            "files hold a label a line; expected one that is not empty and has no carriage return "
            "at its end, nor `@@NEWLINE@@` in it. Correct the data."
        )
