from typing import Any, Iterable, Iterator, Mapping, NamedTuple, Optional, Sequence

import numpy
from allennlp.common.checks import ConfigurationError
from allennlp.common.util import lazy_groups_of
from allennlp.data import DatasetReader, Field, Instance
from allennlp.data.fields import MetadataField

from bert_classification.data.blocks import Pieces, blocks
from bert_classification.data.files import read_lines
from bert_classification.data.segments import join_segments
from bert_classification.data.text_field import WordPieceField
from bert_classification.data.values import get_text
from bert_classification.masked_lm.request import parse_query, pieces_to_read
from bert_classification.objectives.mask_filling import FillMaskQuery
from bert_classification.reader import EXAMPLES_AT_ONCE, BertReader

Line = tuple[int, str]


class Example(NamedTuple):
    """A text, or the ids of a block of running text; at prediction what is asked for."""

    text: str
    ids: Optional[numpy.ndarray]
    query: Optional[FillMaskQuery]


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

    plain_format = "text"

    def __init__(
        self, block_size: Optional[int] = None, line_by_line: bool = False, **kwargs
    ) -> None:
        super().__init__(**kwargs)
        self._block_size = self.tokenizer.max_pieces if block_size is None else block_size
        self._line_by_line = line_by_line
        if not 3 <= self._block_size <= self.tokenizer.max_pieces:
            raise ConfigurationError(
                f"`dataset_reader.block_size` is {block_size}; expected 3 to "
                f"{self.tokenizer.max_pieces} (`max_pieces` of the token indexer), special pieces "
                "included."
            )

    def examples(self, path: str) -> Iterator[tuple[str, Example]]:
        if not self.is_plain(path):
            yield from super().examples(path)
            return
        empty = True
        for line, example in self._text_examples(path):
            empty = False
            yield f"{path}, line {line}", example
        if empty:
            raise ConfigurationError(f"{path}: there is no text in this file.")

    def parse(self, values: Mapping[str, Any], location: str, labelled: bool) -> Example:
        text = get_text(values, "text", "sentence")
        if labelled:
            return Example(text, None, None)
        return Example(text, None, parse_query(values, text, self.tokenizer))

    def to_instances(self, examples: Sequence[Example]) -> list[Instance]:
        texts = [example.text for example in examples if example.ids is None]
        fields = iter(self.text_fields(texts, [None] * len(texts)))
        return [
            self._instance(
                next(fields)
                if example.ids is None
                else self.field(*join_segments(self.tokenizer, example.ids)),
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
        """Makes an instance to fill the masks of; with `labelled`, one to learn from."""
        values = {"text": text, "targets": targets, "top_k": top_k}
        return self.to_instances([self.parse(values, "text_to_instance", labelled)])[0]

    def _instance(self, tokens: WordPieceField, query: Optional[FillMaskQuery]) -> Instance:
        fields: dict[str, Field] = {"tokens": tokens}
        if query is not None:
            masks = int((tokens.ids == self.tokenizer.mask_id).sum())
            self.check_size(pieces_to_read(query, len(tokens), masks) - len(tokens))
            fields["query"] = MetadataField(query)
        return Instance(fields)

    def _text_examples(self, path: str) -> Iterator[tuple[int, Example]]:
        """This process's share of the lines or blocks of plain text, each with its line number."""
        numbered = read_lines(path, self.encoding)
        lines = ((number, line) for number, line in numbered if line.strip())
        if self._line_by_line:
            for number, line in self.shard_iterable(lines):
                yield number, Example(line, None, None)
        else:
            packed = blocks(self._ids_of_lines(lines), self._block_size - 2)
            for ids, number in self.shard_iterable(packed):
                yield number, Example("", ids, None)

    def _ids_of_lines(self, lines: Iterable[Line]) -> Iterator[Pieces]:
        for group in lazy_groups_of(lines, EXAMPLES_AT_ONCE):
            numbers, texts = zip(*group)
            yield from zip(self.tokenizer.ids(texts), numbers)
