"""
What next sentence prediction and pre-training share: the labels of pairs, and what is asked of the
documents that pairs are drawn from.
"""

from typing import Any, Mapping, Optional, Sequence

from allennlp.common.checks import ConfigurationError
from allennlp.data.fields import LabelField

from bert_classification.data.documents import Document
from bert_classification.data.values import get_label

LABELS = ("is_next", "not_next")
"""In the order of the checkpoints' outputs: 0 is the sentence that follows."""

IS_NEXT = LABELS.index("is_next")


def names_of_labels(given: Optional[list[str]]) -> list[str]:
    """Returns the words of the files for `LABELS`; `ConfigurationError` unless they are two."""
    names = given or list(LABELS)
    if len(names) != 2:
        raise ConfigurationError(
            f"`label_names` has {', '.join(names)}; expected the two words for `is_next` and "
            "`not_next`, in this order."
        )
    return names


def label_index(values: Mapping[str, Any], names: Sequence[str]) -> int:
    """Finds the label of a record by its index in `LABELS`."""
    return names.index(get_label(values, names))


def label_field(index: int) -> LabelField:
    # Counted by a vocabulary, the more frequent label would come first.
    return LabelField(index, skip_indexing=True)


def check_documents(path: str, block: list[Document], skip_lone_sentences: bool) -> None:
    """
    Raises `ConfigurationError` that names file and line, for a document that is the only one, and,
    unless they are to be passed over, for a document of one sentence.
    """
    if len(block) == 1:
        raise ConfigurationError(
            f"{path}, lines {block[0][0][0]} to {block[0][-1][0]}: `text_pair`: a sentence of "
            "another document cannot be drawn, as this is the only one; expected a blank line "
            "between documents."
        )
    lone = next((document[0] for document in block if len(document) == 1), None)
    if lone is not None and not skip_lone_sentences:
        raise ConfigurationError(
            f"{path}, line {lone[0]}: `text_pair`: a document of one sentence has no next one; "
            "expected two or more lines between blank lines. With "
            "`dataset_reader.skip_lone_sentences: true` such documents give no pair."
        )
