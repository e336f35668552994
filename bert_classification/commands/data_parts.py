"""What `allennlp check-data` sees of the data of one section while it goes through the rows."""

import importlib
import importlib.util
from array import array
from collections import Counter
from typing import Any, Callable, Iterator, Mapping, Sequence

import numpy

from bert_classification.commands.duplicates import Ids
from bert_classification.data.checks import Finding, Row, TaskChecks
from bert_classification.data.json_values import shorten
from bert_classification.reader import BertReader

FEW = 5
"""Examples of a label from which hardly anything is learned."""
UNKNOWN_SHARE = 0.1
"""Of the word pieces of a row that are [UNK], from which it is noted."""
WORDS_KEPT, WORDS_SHOWN = 10_000, 50
BINS = 16

Sink = Callable[[Finding], None]


class Part:
    """
    The data of one section.

    # Parameters

    name : `str`
        `train`, `validation` or `test`.
    path : `Any`
        As the config has it.
    reader : `BertReader`
    sink : `Callable[[Finding], None]`
        Is told of each finding.
    """

    def __init__(self, name: str, path: Any, reader: BertReader, sink: Sink) -> None:
        self.name = name
        self.path = path
        self.checks = find_checks(reader)
        self.tokenizer: Any = reader.tokenizer
        self.sink = sink
        self.rows = self.refused = self.cut = self._pieces = self._unknown = 0
        self.labels: Counter[str] = Counter()
        self.weights: dict[str, Any] = {}
        self._first_of_label: dict[str, str] = {}
        self._lengths = array("I")
        self._unknown_words: Counter[str] = Counter()

    def add(self, row: Row, ids: Ids) -> None:
        """Counts a row, by the word pieces of its texts."""
        self.rows += 1
        self.labels.update(row.labels)
        for label in row.labels:
            self._first_of_label.setdefault(label, row.location)
        for finding in row.defects:
            self.sink(finding)
        self._add_length(row, self.checks.length(ids))
        self._add_unknown(row, ids)

    def refuse(self, finding: Finding) -> None:
        """Counts what is no row."""
        self.refused += 1
        self.sink(finding)

    def check_labels(self, train: "Part") -> None:
        """Looks at labels when all are counted: of the training data, or beside these."""
        for names in spellings(self.labels):
            for name in names[1:]:
                self._find_label(
                    "spelling of a label",
                    name,
                    f"differs from {names[0]!r} by case "
                    f"or blanks; that one is given {self.labels[names[0]]:,} times",
                )
        if self is not train:
            known = {*train.labels, *(self.checks.reader.label_names or ())}
            for name in self.labels if train.labels else ():
                if name in known:
                    continue
                self._find_label("label unknown in training", name, "is not in the training data")
            return
        for name, count in self.labels.items():
            if count < FEW:
                self._find_label("nearly empty class", name, "is hardly ever given")
        advice = self.checks.advice(self.labels)
        if advice is not None:
            sentence, self.weights = advice
            rarest = self.labels.most_common()[-1][0]
            self.sink(Finding("uneven labels", self._first_of_label[rarest], sentence))

    def summary(self) -> dict[str, Any]:
        """Makes what is known of the data as JSON."""
        return {
            "path": self.path,
            "rows": self.rows,
            "unreadable": self.refused,
            "labels": dict(self.labels.most_common()),
            **self.weights,
            "length": self._summary_of_lengths(),
            "unknown": {
                "pieces": self._unknown,
                "share": share(self._unknown, self._pieces),
                "words": dict(self._unknown_words.most_common(WORDS_SHOWN)),
            },
        }

    def _summary_of_lengths(self) -> dict[str, Any]:
        lengths = numpy.array(self._lengths if self.rows else [0])
        return {
            "mean": round(float(lengths.mean()), 1),
            "median": int(numpy.median(lengths)),
            "longest": int(lengths.max()),
            "max_pieces": self.tokenizer.max_pieces,
            "cut": self.cut,
            "share_cut": share(self.cut, self.rows),
            "histogram": histogram(lengths),
        }

    def _add_length(self, row: Row, length: int) -> None:
        self._lengths.append(length)
        if length > self.tokenizer.max_pieces and self.checks.is_cut:
            self.cut += 1
            message = f"{length} word pieces; `max_pieces` is {self.tokenizer.max_pieces}."
            self.sink(Finding("cut text", row.location, message))

    def _add_unknown(self, row: Row, ids: Ids) -> None:
        pieces = sum(map(len, ids))
        unknown = sum(int((each == self.tokenizer.unk_id).sum()) for each in ids)
        self._pieces, self._unknown = self._pieces + pieces, self._unknown + unknown
        if not unknown:
            return
        words = list(unknown_words(self.tokenizer, row.texts))
        self._unknown_words.update(words)
        if len(self._unknown_words) > 2 * WORDS_KEPT:
            self._unknown_words = Counter(dict(self._unknown_words.most_common(WORDS_KEPT)))
        if unknown >= UNKNOWN_SHARE * pieces:
            shown = shorten(", ".join(words), 100)
            message = f"{unknown} of {pieces} word pieces are [UNK]: {shown}."
            self.sink(Finding("unknown words", row.location, message))

    def _find_label(self, kind: str, name: str, what: str) -> None:
        count = f"{self.labels[name]:,} {self.checks.label_noun}"
        self.sink(Finding(kind, self._first_of_label[name], f"{name!r} ({count}) {what}."))


def find_checks(reader: BertReader) -> TaskChecks:
    """Finds what a task says of its own data: `checks.py` in its folder, or the general one."""
    folder = type(reader).__module__.rpartition(".")[0]
    name = f"{folder}.checks"
    found = importlib.util.find_spec(name) if folder else None
    return (importlib.import_module(name).Checks if found else TaskChecks)(reader)


def unknown_words(tokenizer: Any, texts: Sequence[str]) -> Iterator[str]:
    """Yields the words of texts that became [UNK]."""
    for text, encoding in zip(texts, tokenizer.encode(texts)):
        for index, (start, end) in zip(encoding.ids, encoding.offsets):
            if index == tokenizer.unk_id:
                yield text[start:end]


def spellings(labels: Mapping[str, int]) -> Iterator[list[str]]:
    """Yields labels that are the same but for case and blanks, the most frequent first."""
    groups: dict[str, list[str]] = {}
    for label in sorted(labels, key=lambda label: -labels[label]):
        groups.setdefault("".join(label.split()).casefold(), []).append(label)
    yield from (names for names in groups.values() if len(names) > 1)


def histogram(lengths: numpy.ndarray) -> list[dict[str, int]]:
    """Counts rows by their length, in steps of equal width."""
    width = max(1, -(-int(lengths.max() + 1) // BINS))
    counts = numpy.bincount(lengths // width)
    return [
        {"from": index * width, "to": (index + 1) * width - 1, "rows": int(count)}
        for index, count in enumerate(counts)
    ]


def share(part: int, whole: int) -> float:
    return round(part / whole, 6) if whole else 0.0
