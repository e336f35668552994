"""What a task may say about checking its data: the base of `<task>/checks.py`."""

import re
from collections import Counter
from typing import Any, Iterable, Iterator, NamedTuple, Optional, Sequence, Union

import numpy

from bert_classification.data.documents import read_documents
from bert_classification.data.exports import Unlabelled
from bert_classification.data.outcomes import sentence_of
from bert_classification.data.records import Record

UNREADABLE = "unreadable record"
LOCATED = re.compile(r"(.+?, (?:lines? \d+(?: to \d+)?|question [^:]+)): (.*)", re.DOTALL)
"""A message that begins with the location."""
SHORT = 8
"""Word pieces below which a line of running text, such as a heading, may well occur twice."""


class Finding(NamedTuple):
    """
    kind : `str`
    location : `str`
        File and line, or what else a record is known by.
    message : `str`
        A sentence.
    """

    kind: str
    location: str
    message: str


class Row(NamedTuple):
    """
    One example of a file.

    location : `str`
        File and line, or what else a record is known by.
    texts : `Sequence[str]`
        What BERT reads of it; two rows are the same when all of them are.
    labels : `Sequence[str]`
        Those that are counted.
    gold : `Any`
        What equal texts are expected to share, which can be written by `repr`.
    defects : `Sequence[Finding]`
        What the task sees in this row alone.
    """

    location: str
    texts: Sequence[str]
    labels: Sequence[str] = ()
    gold: Any = None
    defects: Sequence[Finding] = ()


class TaskChecks:
    """
    Tells what there is to check of a task's examples. A folder without `checks.py` gets this one,
    which finds `text`, `text_pair` and `label`.

    # Parameters

    reader : `BertReader`
        The reader of the config.

    # Attributes of its class

    label_noun : `str`
        What is counted.
    is_cut : `bool`
        Whether what is beyond `max_pieces` is lost.
    min_compared : `int`
        The fewest word pieces of a text that is looked for a second time.
    """

    label_noun = "labels"
    is_cut: Any = True
    min_compared = 1

    def __init__(self, reader: Any) -> None:
        self.reader = reader

    def rows(self, path: str) -> Iterator[Union[Row, Finding]]:
        """Yields what a file holds, in its order; a finding where a record is none."""
        for record in self.reader.records(path):
            if isinstance(record.values, Unlabelled):
                continue
            try:
                yield self.row(record)
            except Exception as error:
                yield self.refusal(error, record.location)

    def row(self, record: Record) -> Row:
        """Lets the reader parse a record; `RecordError` where it is none."""
        if record.error is not None:
            raise record.error
        example = self.reader.parse(record.values, record.location, labelled=True)
        return Row(
            record.location,
            self.texts(example),
            self.labels(example),
            self.gold(example),
            [Finding(kind, record.location, each) for kind, each in self.defects(example, record)],
        )

    def texts(self, example: Any) -> Sequence[str]:
        texts = (getattr(example, key, None) for key in ("text", "text_pair"))
        return [text for text in texts if isinstance(text, str)]

    def labels(self, example: Any) -> Sequence[str]:
        label = getattr(example, "label", None)
        return [label] if isinstance(label, str) else []

    def gold(self, example: Any) -> Any:
        return getattr(example, "label", None)

    def defects(self, example: Any, record: Record) -> Iterable[tuple[str, str]]:
        """Yields the kind and the sentence of each defect of a single record."""
        return ()

    def refusal(self, error: Exception, location: str) -> Finding:
        """Makes a finding of the reason why a record is refused, which may say itself where."""
        sentence = sentence_of(error)
        match = LOCATED.fullmatch(sentence)
        kind = self.kind_of(error)
        return Finding(kind, match[1], match[2]) if match else Finding(kind, location, sentence)

    def kind_of(self, error: Exception) -> str:
        """Names the kind of defect for which a record is refused."""
        return UNREADABLE

    def length(self, ids: Sequence[numpy.ndarray]) -> int:
        """Counts the word pieces that BERT would read at once, of the pieces of each text."""
        return sum(map(len, ids)) + len(ids) + 1

    def advice(self, labels: Counter[str]) -> Optional[tuple[str, dict[str, Any]]]:
        """Words what answers uneven labels, with the keys of the config; `None` for nothing."""
        return None


class TextChecks(TaskChecks):
    """
    The same for tasks that read running text too: there a document, up to the next blank line, is
    a row. Where documents are read sentence by sentence, a single one is a defect.
    """

    min_compared = SHORT
    is_cut = False

    def rows(self, path: str) -> Iterator[Union[Row, Finding]]:
        if not self.reader.is_plain(path):
            yield from super().rows(path)
            return
        for document in read_documents(path, self.reader.encoding):
            location = f"{path}, line {document[0][0]}"
            defects = []
            if self.reader.plain_format == "documents" and len(document) == 1:
                message = "a document of one sentence, which has no next one."
                defects = [Finding("lone sentence", location, message)]
            yield Row(location, [" ".join(text for _, text in document)], defects=defects)
