"""
Rows that occur twice or nearly so, within files and across them. Of each row some hashes are kept,
and no text.
"""

from array import array
from typing import Iterable, Iterator, NamedTuple, Sequence

import numpy
from allennlp.common.checks import ConfigurationError

BANDS, PER_BAND = 10, 5
"""
Rows that share 0.8 of their pairs of word pieces agree in one of the bands with a probability of
0.98, those that share 0.9 with 0.9999 (Leskovec et al., Mining of Massive Datasets, section 3.4).
"""
NEIGHBOURS = 8
"""With how many of the rows before it in a band a row is compared."""

Ids = Sequence[numpy.ndarray]


class Pair(NamedTuple):
    """The numbers of two rows, and the share of pairs of word pieces that both have."""

    earlier: int
    later: int
    similarity: float


class Signatures:
    """
    The rows so far: of each a hash of its texts, one of its gold value, and hashes of the bands of
    its MinHash (Broder 1997), of the pairs of neighbouring word pieces.

    # Raises

    `ConfigurationError` where `datasketch` is not installed.
    """

    def __init__(self) -> None:
        try:
            from datasketch import MinHash
        except ImportError as error:
            raise ConfigurationError(
                "near-duplicates are found by `datasketch`: pip install "
                "'bert-classification[data]'; or give `--near-duplicates 1` to pass them over."
            ) from error
        self._empty = MinHash(BANDS * PER_BAND, hashfunc=int)
        self._bands = array("Q")
        self._rows = array("I")

    def add(self, row: int, ids: Ids) -> None:
        """Adds a row by its number and the word pieces of each of its texts."""
        signature = self._empty.copy()
        signature.update_batch(shingles(ids).tolist())
        bands = signature.hashvalues.astype(numpy.uint64).reshape(BANDS, PER_BAND)
        self._bands.extend(_mix(bands).tolist())
        self._rows.append(row)

    def candidates(self) -> list[tuple[int, int]]:
        """Lists the pairs of rows, the earlier one first, that agree in a band."""
        rows = numpy.frombuffer(self._rows, numpy.uint32) if self._rows else numpy.zeros(0, "u4")
        bands = numpy.frombuffer(self._bands, numpy.uint64) if self._rows else numpy.zeros(0, "u8")
        found: set[tuple[int, int]] = set()
        for band in bands.reshape(-1, BANDS).T:
            for group in equal_groups(band):
                for place, later in enumerate(group):
                    for earlier in group[max(0, place - NEIGHBOURS) : place]:
                        found.add((int(rows[earlier]), int(rows[later])))
        return sorted(found)


def shingles(ids: Ids) -> numpy.ndarray:
    """Hashes the pairs of neighbouring word pieces of texts; each text has pairs of its own."""
    pairs = [_pairs(each, number) for number, each in enumerate(ids)]
    return numpy.unique(numpy.concatenate(pairs)) >> numpy.uint64(32)


def _pairs(ids: numpy.ndarray, number: int) -> numpy.ndarray:
    padded = numpy.pad(ids.astype(numpy.uint64) + numpy.uint64(1), 1)
    pairs = (padded[:-1] << numpy.uint64(32)) | padded[1:]
    return (pairs + numpy.uint64(number)) * numpy.uint64(0x9E3779B97F4A7C15)


def _mix(bands: numpy.ndarray) -> numpy.ndarray:
    mixed = numpy.zeros(len(bands), numpy.uint64)
    for column in bands.T:
        mixed = (mixed ^ column) * numpy.uint64(0x9E3779B97F4A7C15)
        mixed ^= mixed >> numpy.uint64(29)
    return mixed


def equal_groups(values: numpy.ndarray) -> Iterator[numpy.ndarray]:
    """Yields the places of values that occur more than once, ascending, of each value at once."""
    order = numpy.argsort(values, kind="stable")
    changes = numpy.flatnonzero(values[order][1:] != values[order][:-1]) + 1
    starts, ends = numpy.insert(changes, 0, 0), numpy.append(changes, len(values))
    for index in numpy.flatnonzero(ends - starts > 1):
        yield order[starts[index] : ends[index]]


def similarity(one: Ids, other: Ids) -> float:
    """
    Computes the share of pairs of word pieces that two rows have in common (Jaccard), of the text
    that they share least of.
    """
    if len(one) != len(other):
        return 0.0
    return min(map(_jaccard, one, other))


def _jaccard(one: numpy.ndarray, other: numpy.ndarray) -> float:
    first, second = set(_pairs(one, 0).tolist()), set(_pairs(other, 0).tolist())
    return len(first & second) / len(first | second)


def near_pairs(
    candidates: Iterable[tuple[int, int]], ids_of: dict[int, Ids], threshold: float
) -> Iterator[Pair]:
    """Yields the pairs of rows that share as much as the threshold says."""
    for earlier, later in candidates:
        found = similarity(ids_of[earlier], ids_of[later])
        if found >= threshold:
            yield Pair(earlier, later, found)
