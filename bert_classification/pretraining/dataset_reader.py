from typing import Any, Iterable, Iterator, Mapping, NamedTuple, Optional, Sequence, Union

from allennlp.common.checks import ConfigurationError
from allennlp.data import DatasetReader, Field, Instance
from allennlp.data.fields import MetadataField

from bert_classification.data.records import Record, read_neighbours
from bert_classification.data.segments import join_segments
from bert_classification.data.values import get_text
from bert_classification.objectives.mask_filling import FillMaskQuery, parse_fill_mask_query
from bert_classification.objectives.next_sentence import (
    LABELS,
    label_field,
    label_index,
    names_of_labels,
)
from bert_classification.pretraining.segments import Pieces, SegmentSettings, read_segments
from bert_classification.reader import BertReader


class Example(NamedTuple):
    """Two texts, or the ids of two segments; their label, or what is asked for in prediction."""

    texts: tuple[str, str]
    segments: Optional[tuple[Pieces, Pieces]]
    label: Optional[int]
    query: Optional[FillMaskQuery]


@DatasetReader.register("bert_for_pretraining")
class BertForPreTrainingReader(BertReader):
    """
    Reads documents to learn from: plain text with one sentence a line and blank lines between
    documents, packed into pairs of segments as long as BERT takes them; see
    `segments.read_segments`. JSON lines, TSV or CSV with the keys `text` (or `sentence`),
    `text_pair` and `label`, `is_next` or `not_next`, give one instance a record. The model draws
    the masks, see `Masking`.

    Files are streamed: with `data_loader.max_instances_in_memory` a corpus may be larger than
    memory. Each data worker packs all documents and gives its share of the pairs, so the pairs and
    their order are the same with any number of workers.

    Instances have the fields `tokens`, `next_sentence_label` when labelled and, for prediction,
    `query`.

    # Parameters

    short_seq_prob : `float`, optional (default = `0.1`)
        How many documents are packed to a random target that is shorter than `max_pieces` of the
        token indexer (Devlin et al. 2019: against a mismatch with shorter texts in fine-tuning).
    seed : `int`, optional (default = `0`)
        Decides how documents are cut into segments, and which get a second one of another document.
    skip_lone_sentences : `bool`, optional (default = `False`)
        Let documents of one sentence give no pair of their own; otherwise they are an error.
    token_indexers, format, columns, encoding :
        See `BertReader`. `format` may be `documents` too, which `.txt` and every extension unknown
        stand for.
    label_names : `Union[str, List[str]]`, optional (default = `["is_next", "not_next"]`)
        The words of the files for `is_next` and `not_next`, in this order.
    """

    plain_format = "documents"

    def __init__(
        self,
        short_seq_prob: float = 0.1,
        seed: int = 0,
        skip_lone_sentences: bool = False,
        **kwargs,
    ) -> None:
        super().__init__(**kwargs)
        self.label_names = self._names = names_of_labels(self.label_names)
        if not 0 <= short_seq_prob <= 1:
            raise ConfigurationError(
                f"`dataset_reader.short_seq_prob` is {short_seq_prob}; expected 0 to 1."
            )
        if self.tokenizer.max_pieces < 5:
            raise ConfigurationError(
                f"`max_pieces` is {self.tokenizer.max_pieces}; a pair of segments needs 5 or more, "
                "special pieces included."
            )
        self._segment_settings = SegmentSettings(
            self.tokenizer.max_pieces - 3, short_seq_prob, seed
        )
        self._skip_lone_sentences = skip_lone_sentences

    def records_to_predict(self, path: str) -> Iterable[Record]:
        """Of documents the pairs are neighbours, none of which is replaced."""
        return read_neighbours(path, self.encoding) if self.is_plain(path) else self.records(path)

    def examples(self, path: str) -> Iterator[tuple[str, Example]]:
        if not self.is_plain(path):
            yield from super().examples(path)
            return
        pairs = read_segments(
            path, self.tokenizer, self._segment_settings, self.encoding, self._skip_lone_sentences
        )
        for pair in self.shard_iterable(pairs):
            label = LABELS.index("is_next" if pair.is_next else "not_next")
            yield f"{path}, line {pair.line}", Example(("", ""), pair.segments, label, None)

    def parse(self, values: Mapping[str, Any], location: str, labelled: bool) -> Example:
        texts = (get_text(values, "text", "sentence"), get_text(values, "text_pair"))
        if labelled:
            return Example(texts, None, label_index(values, self._names), None)
        return Example(texts, None, None, parse_fill_mask_query(values, texts, self.tokenizer))

    def to_instances(self, examples: Sequence[Example]) -> list[Instance]:
        texts = [example.texts for example in examples if example.segments is None]
        fields = iter(self.text_fields([text for text, _ in texts], [pair for _, pair in texts]))
        return [
            self._instance(
                next(fields)
                if example.segments is None
                else self.field(*join_segments(self.tokenizer, *example.segments)),
                example,
            )
            for example in examples
        ]

    def text_to_instance(
        self,
        text: str,
        text_pair: str,
        label: Optional[Union[str, int]] = None,
        targets: Optional[list[str]] = None,
        top_k: Optional[int] = None,
    ) -> Instance:
        """Makes an instance to fill the masks of; with `label`, one to learn from."""
        values = {
            "text": text,
            "text_pair": text_pair,
            "label": label,
            "targets": targets,
            "top_k": top_k,
        }
        example = self.parse(values, "text_to_instance", labelled=label is not None)
        return self.to_instances([example])[0]

    def _instance(self, tokens: Field, example: Example) -> Instance:
        fields = {"tokens": tokens}
        if example.label is not None:
            fields["next_sentence_label"] = label_field(example.label)
        if example.query is not None:
            fields["query"] = MetadataField(example.query)
        return Instance(fields)
