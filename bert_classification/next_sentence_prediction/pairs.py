"""Documents to pairs of sentences, half of which follow each other."""

import logging
from random import Random
from typing import Iterator

from bert_classification.data.documents import Document, in_blocks, read_documents
from bert_classification.data.records import Record
from bert_classification.objectives.next_sentence import LABELS, check_documents

logger = logging.getLogger(__name__)


def read_pairs(
    path: str, encoding: str = "utf-8", seed: int = 0, skip_lone_sentences: bool = False
) -> Iterator[Record]:
    """
    Yields a pair for each two neighbours of a document. Of each two pairs in the order of the file
    one keeps the sentence that follows; in the other it is replaced by one of another document,
    where each document is as likely as any other (Devlin et al. 2019, section 3.1).

    What is drawn depends on the seed and the number of the pair alone: each epoch and each of
    several processes that share a file see the same pairs.

    # Parameters

    path : `str`
        One sentence a line, blank lines between documents.
    encoding : `str`, optional (default = `utf-8`)
        The encoding of the file.
    seed : `int`, optional (default = `0`)
        Another seed makes other pairs.
    skip_lone_sentences : `bool`, optional (default = `False`)
        Let documents of a single sentence give no pair of their own.

    # Raises

    `ConfigurationError` that names file and line, for a document of a single sentence, and for a
    file of a single document.
    """
    pairs, sentences, lone = 0, 0, 0
    for block in in_blocks(read_documents(path, encoding)):
        check_documents(path, block, skip_lone_sentences)
        used: set[int] = set()
        for index, document in enumerate(block):
            for first, follower in zip(document, document[1:]):
                is_next = _is_next(seed, pairs)
                second = follower if is_next else _other_sentence(block, index, seed, pairs)
                used |= {first[0], second[0]}
                pairs += 1
                yield _record(path, first, second, is_next)
        lone += sum(len(document) for document in block) - len(used)
        sentences += sum(len(document) for document in block)
    logger.info(
        "%s: %d pairs; %d of %d sentences take part in no pair.", path, pairs, lone, sentences
    )


def _is_next(seed: int, pair: int) -> bool:
    first_of_two = Random(f"{seed}, two pairs from {pair // 2 * 2}").random() < 0.5
    return first_of_two == (pair % 2 == 0)


def _other_sentence(block: list[Document], index: int, seed: int, pair: int) -> tuple[int, str]:
    random = Random(f"{seed}, pair {pair}")
    other = random.randrange(len(block) - 1)
    return random.choice(block[other + (other >= index)])


def _record(path: str, first: tuple[int, str], second: tuple[int, str], is_next: bool) -> Record:
    values = {"text": first[1], "text_pair": second[1], "label": LABELS[not is_next]}
    return Record(values, path, first[0])
