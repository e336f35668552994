"""Documents to pairs of segments as long as BERT takes them, about half of which follow on."""

import logging
from random import Random
from typing import Iterator, NamedTuple

import numpy

from bert_classification.bert.word_pieces import WordPieceTokenizer
from bert_classification.data.documents import Document, in_blocks, read_documents
from bert_classification.data.segments import longest_first
from bert_classification.objectives.next_sentence import check_documents

logger = logging.getLogger(__name__)

Pieces = numpy.ndarray


class Sentence(NamedTuple):
    """The piece ids of a sentence, and its line in the file."""

    ids: Pieces
    line: int


class Pair(NamedTuple):
    """The sentences of two segments, and whether the second follows the first."""

    first: list[Sentence]
    second: list[Sentence]
    is_next: bool


class SegmentPair(NamedTuple):
    """The piece ids of two segments, whether the second follows, and the line of it all."""

    segments: tuple[Pieces, Pieces]
    is_next: bool
    line: int


class SegmentSettings(NamedTuple):
    """
    How documents are packed.

    room : `int`
        The most pieces in both segments together, special pieces not counted; at least 2.
    short_seq_prob : `float`
        How many documents are packed to a shorter target, drawn from 2 to `room`.
    seed : `int`
        Another seed makes other pairs.
    """

    room: int
    short_seq_prob: float
    seed: int


def read_segments(
    path: str,
    tokenizer: WordPieceTokenizer,
    settings: SegmentSettings,
    encoding: str = "utf-8",
    skip_lone_sentences: bool = False,
) -> Iterator[SegmentPair]:
    """
    Yields the pairs of segments of a file's documents, one document after the other (Devlin et al.
    2019, appendix A.2; `create_pretraining_data.py` of the original implementation).

    What is drawn depends on the seed and the number of the document alone: each epoch and each of
    several processes that share a file see the same pairs. Never more than two blocks of documents
    are held, from one of which the second segments are drawn.

    # Raises

    `ConfigurationError` that names file and line, see `check_documents`.
    """
    count, pairs, cut, unused, sentences = 0, 0, 0, 0, 0
    for block in in_blocks(read_documents(path, encoding)):
        check_documents(path, block, skip_lone_sentences)
        documents = _tokenize(block, tokenizer)
        used: set[int] = set()
        for index, document in enumerate(documents):
            random = Random(f"{settings.seed}, document {count}")
            count += 1
            for pair in _pairs(documents, index, settings, random) if len(document) > 1 else ():
                segments, lost = _fit(pair, settings.room, random)
                used.update(sentence.line for sentence in (*pair.first, *pair.second))
                pairs, cut = pairs + 1, cut + lost
                yield SegmentPair(segments, pair.is_next, pair.first[0].line)
        sentences += sum(map(len, documents))
        unused += sum(map(len, documents)) - len(used)
    logger.info(
        "%s: %d pairs of %d documents; %d word pieces were cut off, and %d of %d sentences take "
        "part in no pair.",
        *(path, pairs, count, cut, unused, sentences),
    )


def _tokenize(block: list[Document], tokenizer: WordPieceTokenizer) -> list[list[Sentence]]:
    ids = iter(tokenizer.ids([text for document in block for _, text in document]))
    # A sentence of control characters has no piece.
    unknown = numpy.array([tokenizer.unk_id], numpy.int32)
    return [
        [Sentence(row if len(row) else unknown, line) for (line, _), row in zip(document, ids)]
        for document in block
    ]


def _pairs(
    documents: list[list[Sentence]], index: int, settings: SegmentSettings, random: Random
) -> Iterator[Pair]:
    """
    Takes sentences up to the target, splits them between two sentences, and keeps the second part
    or draws one; what is not kept begins the next pair. A single sentence gets a drawn one.
    """
    document = documents[index]
    short = random.random() < settings.short_seq_prob
    target = random.randint(2, settings.room) if short else settings.room
    start = 0
    while start < len(document):
        taken = _up_to(document, start, target)
        split = random.randint(1, max(len(taken) - 1, 1))
        first, second = taken[:split], taken[split:]
        is_next = bool(second) and random.random() < 0.5
        if not is_next:
            start += split
            second = _draw(documents, index, target - _length(first), random)
        else:
            start += len(taken)
        yield Pair(first, second, is_next)


def _up_to(document: list[Sentence], start: int, target: int) -> list[Sentence]:
    """Takes the sentences from `start` on that reach the target together, at least one."""
    length, end = len(document[start].ids), start + 1
    while length < target and end < len(document):
        length += len(document[end].ids)
        end += 1
    return document[start:end]


def _draw(
    documents: list[list[Sentence]], index: int, target: int, random: Random
) -> list[Sentence]:
    """Sentences of another document, each as likely as any other, from a random one on."""
    other = random.randrange(len(documents) - 1)
    document = documents[other + (other >= index)]
    return _up_to(document, random.randrange(len(document)), target)


def _length(sentences: list[Sentence]) -> int:
    return sum(len(sentence.ids) for sentence in sentences)


def _fit(pair: Pair, room: int, random: Random) -> tuple[tuple[Pieces, Pieces], int]:
    """
    Joins the ids of both segments, cut to `room`, the longer one first, and counts what was cut.
    """
    first, second = (
        numpy.concatenate([sentence.ids for sentence in part]) for part in (pair.first, pair.second)
    )
    lengths = longest_first(len(first), len(second), room)
    lost = len(first) + len(second) - sum(lengths)
    return (_cut(first, lengths[0], random), _cut(second, lengths[1], random)), lost


def _cut(ids: Pieces, length: int, random: Random) -> Pieces:
    """Cuts pieces too many off, each at the front or at the end, by chance."""
    front = sum(random.random() < 0.5 for _ in range(len(ids) - length))
    return ids[front : front + length]
