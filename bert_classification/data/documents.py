"""Plain text as documents: one sentence a line, blank lines between documents."""

from itertools import groupby
from typing import Iterable, Iterator

from allennlp.common.checks import ConfigurationError

from bert_classification.data.files import read_lines

Document = list[tuple[int, str]]
"""The sentences of a document, each with the number of its line."""

SENTENCES_AT_ONCE = 100_000


def read_documents(path: str, encoding: str = "utf-8") -> Iterator[Document]:
    """
    Yields the documents of a file one after the other.

    # Raises

    `ConfigurationError` when the file holds no sentence.
    """
    empty = True
    lines = ((number, line.strip()) for number, line in read_lines(path, encoding))
    for is_text, sentences in groupby(lines, key=lambda line: line[1] != ""):
        if is_text:
            empty = False
            yield list(sentences)
    if empty:
        raise ConfigurationError(
            f"{path}: no sentence in this file; expected one sentence a line, and blank lines "
            "between documents."
        )


def in_blocks(
    documents: Iterable[Document], sentences: int = SENTENCES_AT_ONCE
) -> Iterator[list[Document]]:
    """
    Groups documents into blocks of at least so many sentences: enough to draw sentences of other
    documents from, without holding a large file in memory. A block of one document comes only
    where there is no other.
    """
    full: list[Document] = []
    block: list[Document] = []
    size = 0
    for document in documents:
        block.append(document)
        size += len(document)
        if size >= sentences and len(block) > 1:
            if full:
                yield full
            full, block, size = block, [], 0
    # The rest may be a single document, which needs others beside it.
    if full or block:
        yield full + block
