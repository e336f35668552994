"""The vocabulary's files, which hold an entry a line: they must give back the labels they got."""

from typing import Any

from allennlp.common.checks import ConfigurationError
from allennlp.data import Vocabulary

_allennlps_save_to_files: Any = Vocabulary.save_to_files


def save_to_files(self: Vocabulary, directory: str) -> None:
    """
    Saves a vocabulary as AllenNLP does.

    # Raises

    `ConfigurationError` for a label that would be another one in the archive: AllenNLP takes its
    carriage return for a part of the line's end, and writes a line feed as `@@NEWLINE@@`. Words,
    which may be unknown to a model, are written as they come.
    """
    for namespace in self.get_namespaces():
        if not self.is_padded(namespace):
            for label in self.get_token_to_index_vocabulary(namespace):
                _check_label(label, namespace)
    _allennlps_save_to_files(self, directory)


def _check_label(label: str, namespace: str) -> None:
    if not label or label.endswith("\r") or "@@NEWLINE@@" in label:
        raise ConfigurationError(
            f"The label {label!r} (namespace `{namespace}`) cannot be kept in an archive, whose "
            "files hold a label a line; expected one that is not empty and has no carriage return "
            "at its end, nor `@@NEWLINE@@` in it. Correct the data."
        )
