"""
What is wrong with data, and what is worth knowing of them: every row is seen by the task's reader
and tokenizer once. Of rows hashes, lengths and locations are kept, not their texts.
"""

import hashlib
from array import array
from typing import Any, Iterator, Optional, Sequence

import numpy
from allennlp.common.checks import ConfigurationError
from allennlp.common.tqdm import Tqdm
from allennlp.common.util import lazy_groups_of

from bert_classification.commands.data_parts import Part, Sink
from bert_classification.commands.duplicates import Ids, Pair, Signatures, equal_groups, near_pairs
from bert_classification.data.checks import Finding, Row
from bert_classification.data.files import expand_paths
from bert_classification.reader import EXAMPLES_AT_ONCE, BertReader


class DataChecks:
    """
    Looks at the data of a config.

    # Parameters

    sink : `Callable[[Finding], None]`
        Is told of each finding.
    near : `float`
        The share of pairs of word pieces from which two rows are near-duplicates; with 1 none are
        looked for.
    """

    def __init__(self, sink: Sink, near: float) -> None:
        self._sink = sink
        self._near = near
        self._signatures = Signatures() if near < 1 else None
        self._places = Places()
        self._part_of = array("B")
        self._text_hashes, self._gold_hashes = array("Q"), array("Q")
        self.parts: list[Part] = []

    def read(self, name: str, path: Any, reader: BertReader) -> None:
        """Looks at the data of a section."""
        part = Part(name, path, reader, self._sink)
        self.parts.append(part)
        rows = Tqdm.tqdm(readable_rows(part, part.refuse), desc=f"reading {name}")
        for group in lazy_groups_of(rows, EXAMPLES_AT_ONCE):
            for row, ids in zip(group, tokenize(part.tokenizer, group)):
                part.add(row, ids)
                self._keep(part, row, ids)

    def finish(self) -> None:
        """Looks at what shows only when all rows are known."""
        for part in self.parts:
            part.check_labels(self.parts[0])
        repeated = self._find_equal()
        if self._signatures is not None:
            self._find_near(self._signatures, repeated)

    def summary(self) -> dict[str, Any]:
        """Makes what is known of the sections as JSON."""
        return {part.name: part.summary() for part in self.parts}

    def _keep(self, part: Part, row: Row, ids: Ids) -> None:
        number = len(self._part_of)
        self._part_of.append(len(self.parts) - 1)
        self._places.append(row.location)
        self._gold_hashes.append(hash_of(row.gold))
        if sum(map(len, ids)) < part.checks.min_compared:
            # Like no other.
            self._text_hashes.append(hash_of(number))
            return
        self._text_hashes.append(hash_of(list(row.texts)))
        if self._signatures is not None:
            self._signatures.add(number, ids)

    def _find_equal(self) -> set[int]:
        """Finds rows with the same texts; gives those that are not the first."""
        repeated: set[int] = set()
        groups = equal_groups(numpy.array(self._text_hashes))
        for group in sorted(groups, key=lambda group: group[1]):
            first_of_part: dict[int, int] = {}
            for row in group.tolist():
                repeated.update([row] if first_of_part else [])
                part = self._part_of[row]
                others = [each for other, each in first_of_part.items() if other != part]
                if part in first_of_part:
                    self._find_repeated(row, first_of_part[part])
                if others:
                    self._find_leaked(row, min(others), 1.0, "leakage")
                first_of_part.setdefault(part, row)
        return repeated

    def _find_near(self, signatures: Signatures, repeated: set[int]) -> None:
        candidates = [pair for pair in signatures.candidates() if repeated.isdisjoint(pair)]
        ids_of = self._read_again({row for pair in candidates for row in pair})
        nearest: dict[tuple[int, bool], Pair] = {}
        for pair in near_pairs(candidates, ids_of, self._near):
            key = (pair.later, self._part_of[pair.earlier] == self._part_of[pair.later])
            if key not in nearest or pair.similarity > nearest[key].similarity:
                nearest[key] = pair
        for (row, is_within), pair in sorted(nearest.items()):
            if not is_within:
                self._find_leaked(row, pair.earlier, pair.similarity, "near-leakage")
                continue
            message = f"{pair.similarity:.0%} the same as {self._places[pair.earlier]}"
            self._find("near-duplicate", row, message + self._label_beside(pair.earlier, row))

    def _find_repeated(self, row: int, first: int) -> None:
        is_same = self._gold_hashes[row] == self._gold_hashes[first]
        message = f"the same text as {self._places[first]}" + self._label_beside(first, row)
        self._find("duplicate" if is_same else "conflicting labels", row, message)

    def _find_leaked(self, row: int, first: int, similarity: float, kind: str) -> None:
        name = self.parts[self._part_of[first]].name
        message = f"{similarity:.0%} the same as {self._places[first]} in the data of {name}"
        self._find(kind, row, message + self._label_beside(first, row))

    def _label_beside(self, one: int, other: int) -> str:
        is_same = self._gold_hashes[one] == self._gold_hashes[other]
        return "." if is_same else ", with another label."

    def _find(self, kind: str, row: int, message: str) -> None:
        self._sink(Finding(kind, self._places[row], message))

    def _read_again(self, wanted: set[int]) -> dict[int, Ids]:
        """Makes the word pieces of some rows a second time, by their numbers."""
        found: dict[int, Ids] = {}
        number = 0
        for part in self.parts if wanted else ():
            rows = Tqdm.tqdm(readable_rows(part), desc=f"comparing {part.name}")
            for group in lazy_groups_of(rows, EXAMPLES_AT_ONCE):
                kept = {number + i: row for i, row in enumerate(group) if number + i in wanted}
                number += len(group)
                found.update(zip(kept, tokenize(part.tokenizer, list(kept.values()))))
        return found


class Places:
    """The locations of rows, of which those of files with lines take 12 bytes each."""

    def __init__(self) -> None:
        self._files: dict[str, int] = {}
        self._file_of, self._line_of = array("I"), array("q")
        self._named: dict[int, str] = {}

    def append(self, location: str) -> None:
        file, _, line = location.rpartition(", line ")
        if not line.isdecimal():
            self._named[len(self._line_of)] = location
        self._file_of.append(self._files.setdefault(file, len(self._files)))
        self._line_of.append(int(line) if line.isdecimal() else 0)

    def __getitem__(self, row: int) -> str:
        if row in self._named:
            return self._named[row]
        return f"{list(self._files)[self._file_of[row]]}, line {self._line_of[row]}"


def readable_rows(part: Part, refuse: Optional[Sink] = None) -> Iterator[Row]:
    """Yields the rows of a section; `refuse` is told of what is none."""
    tell = refuse or (lambda finding: None)
    for path in expand_paths(part.path):
        refused = part.refused
        try:
            for row in part.checks.rows(path):
                if isinstance(row, Row):
                    yield row
                else:
                    tell(row)
        except ConfigurationError as error:
            # What is behind it in the file is not read; or there was nothing to read.
            if part.refused == refused or not str(error).startswith(f"{path}: no "):
                tell(part.checks.refusal(error, path))


def tokenize(tokenizer: Any, rows: Sequence[Row]) -> list[Ids]:
    """Makes the word pieces of the texts of rows, of equal texts once."""
    different = list(dict.fromkeys(text for row in rows for text in row.texts))
    ids = dict(zip(different, tokenizer.ids(different)))
    return [[ids[text] for text in row.texts] for row in rows]


def hash_of(value: Any) -> int:
    """Hashes a value that `repr` writes to 64 bits."""
    data = repr(value).encode(errors="backslashreplace")
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "little")
