import logging
from typing import Any, Iterator, Mapping, NamedTuple, Optional, Sequence

import numpy
from allennlp.common.checks import ConfigurationError
from allennlp.common.util import lazy_groups_of
from allennlp.data import DatasetReader, Instance
from allennlp.data.fields import MetadataField

from bert_classification.data.blocks import Pieces, blocks
from bert_classification.data.files import read_lines
from bert_classification.data.records import READERS, RecordError
from bert_classification.data.text_field import WordPieceField
from bert_classification.data.values import get_text
from bert_classification.objectives.generation import Generation, Prompt, parse_generation
from bert_classification.reader import EXAMPLES_AT_ONCE, BertReader

logger = logging.getLogger(__name__)


class Example(NamedTuple):
    """
    A text to continue; or, without `generation`, to score, `labelled` where a loss is due; or the
    `ids` of a block of running text.
    """

    text: str
    generation: Optional[Generation]
    labelled: bool
    ids: Optional[numpy.ndarray] = None


@DatasetReader.register("bert_for_causal_lm")
class BertForCausalLMReader(BertReader):
    """
    Reads running text for a causal language model.

    A file is packed into blocks of `block_size` word pieces: `[CLS]`, then the pieces of the texts
    end to end, with one `[SEP]` where a text ends. A block begins where the one before it stopped,
    within a text as well, and no piece is left out or padded in; the last block is as short as what
    remains. In plain text (format `text`, that of every extension but `.jsonl`, `.ndjson`, `.json`,
    `.tsv` and `.csv`) a text ends at a blank line, and its lines are one running text; elsewhere
    each record is one text, under `text` (or `sentence`). A plain file with one text in each line
    is read by `"format": "tsv", "columns": {"text": 0}`.

    A text to continue is `[CLS] text`, without `[SEP]`: that piece ends a continuation. A text to
    score is `[CLS] text [SEP]`.

    Instances have the field `tokens`, and beside it `words` where a loss is due or `prompt` where a
    text is to be continued.

    # Parameters

    token_indexers, format, columns, encoding :
        See `BertReader`; `format` may also be `text`.
    block_size : `int`, optional
        The pieces in a block, special ones included; by default the indexer's `max_pieces`.
    """

    plain_format = "text"

    def __init__(self, block_size: Optional[int] = None, **kwargs) -> None:
        super().__init__(**kwargs)
        formats = (*READERS, "text")
        if self.format not in (None, *formats):
            raise ConfigurationError(
                f"`dataset_reader.format` is {self.format!r}; expected {', '.join(formats)}."
            )
        self.block_size = self.tokenizer.max_pieces if block_size is None else block_size
        if not 2 <= self.block_size <= self.tokenizer.max_pieces:
            raise ConfigurationError(
                f"`dataset_reader.block_size` is {block_size}; expected from 2 to "
                f"{self.tokenizer.max_pieces} (`max_pieces` of the token indexer), [CLS] included."
            )
        special = (self.tokenizer.cls_id, self.tokenizer.sep_id, self.tokenizer.pad_id)
        self._begins_word = numpy.array(
            [
                index not in special and not piece.startswith("##")
                for index, piece in enumerate(
                    self.tokenizer.convert_ids_to_tokens(range(len(self.tokenizer)))
                )
            ]
        )

    def parse(self, values: Mapping[str, Any], location: str, labelled: bool) -> Example:
        text = get_text(values, "text", "sentence")
        generation = None if labelled else parse_generation(values, self.room(text))
        return Example(text, generation, labelled)

    def room(self, text: str) -> int:
        """Counts the pieces that may follow `[CLS] text`; `RecordError` when none has room."""
        length = 1 + len(self.tokenizer.ids([text])[0])
        if length >= self.tokenizer.max_pieces:
            raise RecordError(
                f"`text`: {length} word pieces with [CLS], which leave no room in the "
                f"{self.tokenizer.max_pieces} of the model (`max_pieces` of the token indexer); "
                "shorten it."
            )
        return self.tokenizer.max_pieces - length

    def to_instances(self, examples: Sequence[Example]) -> list[Instance]:
        texts = iter(self.tokenizer.ids([each.text for each in examples if each.ids is None]))
        return [
            self._instance(next(texts), example)
            if example.ids is None
            else self._block(example.ids)
            for example in examples
        ]

    def text_to_instance(
        self, text: str, labelled: bool = False, generation: Optional[Mapping[str, Any]] = None
    ) -> Instance:
        """Makes a text to continue, with settings of `Generation`; or, `labelled`, one to score."""
        values = {**(generation or {}), "text": text}
        return self.to_instances([self.parse(values, "text_to_instance", labelled)])[0]

    def examples(self, path: str) -> Iterator[tuple[str, Example]]:
        packed = blocks(self._ids_of_texts(path), self.block_size - 1)
        # Blocks are shared out, not lines: they are the same for any number of processes.
        for ids, line in self.shard_iterable(packed):
            yield f"{path}, line {line}", Example("", None, True, ids)

    def _ids_of_texts(self, path: str) -> Iterator[Pieces]:
        """Yields the pieces of each line, and one `[SEP]` where a text ends."""
        sep = numpy.array([self.tokenizer.sep_id], numpy.int32)
        texts, without_pieces, inside = 0, 0, False
        for lines in lazy_groups_of(self._lines(path), EXAMPLES_AT_ONCE):
            ids_of_lines = self.tokenizer.ids([text for _, text in lines])
            for (number, text), ids in zip(lines, ids_of_lines):
                if text:
                    yield ids, number
                    without_pieces += not len(ids)
                    inside = inside or len(ids) > 0
                elif inside:
                    yield sep, number
                    texts, inside = texts + 1, False
        if not texts:
            raise ConfigurationError(f"{path}: no text in this file.")
        logger.info("%s: %d texts", path, texts)
        if without_pieces:
            logger.warning(
                "%s: %d lines have no word piece (control characters only) and add nothing.",
                path,
                without_pieces,
            )

    def _lines(self, path: str) -> Iterator[tuple[int, str]]:
        """Yields the lines or records of a file with their numbers; an empty one ends a text."""
        number = 0
        if self.is_plain(path):
            for number, line in read_lines(path, self.encoding):
                yield number, line.strip()
            yield number, ""
        else:
            for record in self.records(path):
                yield record.line, self.parse_labelled(record).text
                yield record.line, ""

    def _instance(self, ids: numpy.ndarray, example: Example) -> Instance:
        if example.generation is not None:
            special = (self.tokenizer.sep_id, self.tokenizer.pad_id)
            prompt = Prompt(example.text, example.generation, *special)
            return Instance({"tokens": self._begin(ids), "prompt": MetadataField(prompt)})
        ended = numpy.append(ids, numpy.int32(self.tokenizer.sep_id))
        return self._block(ended) if example.labelled else Instance({"tokens": self._begin(ended)})

    def _block(self, ids: numpy.ndarray) -> Instance:
        words = int(self._begins_word[ids].sum())
        return Instance({"tokens": self._begin(ids), "words": MetadataField(words)})

    def _begin(self, ids: numpy.ndarray) -> WordPieceField:
        return self.field(numpy.insert(ids, 0, self.tokenizer.cls_id), len(ids) + 1)
