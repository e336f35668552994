from typing import Any, Iterable, Iterator, Mapping, NamedTuple, Optional, Sequence

import numpy
from allennlp.common.checks import ConfigurationError
from allennlp.common.util import lazy_groups_of
from allennlp.data import DatasetReader, Field, Instance
from allennlp.data.fields import MetadataField

from bert_classification.blocks import Pieces, blocks
from bert_classification.fills import Query, parse_query
from bert_classification.reader import RECORDS_AT_ONCE, BertReader, get_text
from bert_classification.records import Record, read_lines
from bert_classification.text_field import WordPieceField, join_segments

IDS = "piece_ids"

Line = tuple[int, str]


class Example(NamedTuple):
    """A text, or the ids of a block of running text; at prediction what is asked for."""

    text: str
    ids: Optional[numpy.ndarray]
    query: Optional[Query]


@DatasetReader.register("bert_for_masked_lm")
class BertForMaskedLMReader(BertReader):
    """
    Reads text to learn from: of plain text files running blocks, `[CLS] ... [SEP]`, of JSON lines,
    TSV or CSV the key `text` (or `sentence`), one instance a record. The model draws the masks, see
    `Masking`. Files are streamed: with `data_loader.max_instances_in_memory` a corpus may be larger
    than memory. Each data worker packs all blocks and gives its share of them, so the blocks are
    the same with any number of workers.

    Instances have the field `tokens` and, for prediction, `query`.

    # Parameters

    block_size : `int`, optional
        The word pieces in a block of plain text, special pieces included; by default `max_pieces`
        of the token indexer. What is left over at the end of a file is a last, shorter block.
    line_by_line : `bool`, optional (default = `False`)
        Make an instance of each line of plain text instead.
    token_indexers, format, columns, label_names, label_delimiter, encoding :
        See `BertReader`. `format` may be `text` too, which `.txt` and every extension unknown stand
        for. Blank lines of plain text are passed over.
    """

    def __init__(
        self, block_size: Optional[int] = None, line_by_line: bool = False, **kwargs
    ) -> None:
        super().__init__(**kwargs)
        self._block_size = self.pieces.max_pieces if block_size is None else block_size
        self._line_by_line = line_by_line
        if not 3 <= self._block_size <= self.pieces.max_pieces:
            raise ConfigurationError(
                f"`dataset_reader.block_size` is {block_size}; expected 3 to "
                f"{self.pieces.max_pieces} (`max_pieces` of the token indexer), special pieces "
                "included."
            )

    def records(self, path: str) -> Iterable[Record]:
        if not self.is_plain(path, "text"):
            return super().records(path)
        return self._text_records(path)

    def parse(self, values: Mapping[str, Any], place: str, labelled: bool) -> Example:
        # Only our own blocks bring an array.
        if isinstance(values.get(IDS), numpy.ndarray):
            return Example("", values[IDS], None)
        text = get_text(values, "text", "sentence")
        return Example(text, None, None if labelled else parse_query(values, (text,), self.pieces))

    def to_instances(self, examples: Sequence[Example]) -> list[Instance]:
        texts = [example.text for example in examples if example.ids is None]
        fields = iter(self.text_fields(texts, [None] * len(texts)))
        return [
            self._instance(
                next(fields)
                if example.ids is None
                else self.field(*join_segments(self.pieces, example.ids)),
                example.query,
            )
            for example in examples
        ]

    def text_to_instance(
        self,
        text: str,
        targets: Optional[list[str]] = None,
        top_k: Optional[int] = None,
        labelled: bool = False,
    ) -> Instance:
        """An instance to fill the masks of; with `labelled`, one to learn from."""
        values = {"text": text, "targets": targets, "top_k": top_k}
        return self.to_instances([self.parse(values, "text_to_instance", labelled)])[0]

    def _instance(self, tokens: WordPieceField, query: Optional[Query]) -> Instance:
        fields: dict[str, Field] = {"tokens": tokens}
        if query is not None:
            fields["query"] = MetadataField(query)
        return Instance(fields)

    def _text_records(self, path: str) -> Iterator[Record]:
        lines = ((at, line) for at, line in read_lines(path, self.encoding) if line.strip())
        empty = True
        for record in self._lines(lines, path) if self._line_by_line else self._blocks(lines, path):
            empty = False
            yield record
        if empty:
            raise ConfigurationError(f"{path}: there is no text in this file.")

    def _lines(self, lines: Iterable[Line], path: str) -> Iterator[Record]:
        return (Record({"text": line}, path, at) for at, line in lines)

    def _blocks(self, lines: Iterable[Line], path: str) -> Iterator[Record]:
        for ids, at in blocks(self._pieces_of(lines), self._block_size - 2):
            yield Record({IDS: ids}, path, at)

    def _pieces_of(self, lines: Iterable[Line]) -> Iterator[Pieces]:
        for group in lazy_groups_of(lines, RECORDS_AT_ONCE):
            numbers, texts = zip(*group)
            yield from zip(self.pieces.ids(texts), numbers)
