import logging
from array import array
from typing import Any, Iterable, Mapping, NamedTuple, Optional, Sequence

import numpy
from allennlp.common.checks import ConfigurationError
from allennlp.data import DatasetReader, Field, Instance
from allennlp.data.fields import ListField, MetadataField
from tokenizers import Encoding

from bert_classification.data.basic_tokenizer import BertBasicTokenizer
from bert_classification.data.records import (
    FORMATS,
    Record,
    RecordError,
    describe,
)
from bert_classification.data.segments import join_segments
from bert_classification.data.values import check_label, check_unicode, get_flag, get_text
from bert_classification.data.windows import window_spans
from bert_classification.reader import BertReader
from bert_classification.token_classification.alignment import (
    Words,
    first_pieces,
    join_words,
    pieces_of_words,
    words_in_windows,
)
from bert_classification.token_classification.character_spans import (
    ALIGNMENTS,
    get_spans,
    tags_of_spans,
)
from bert_classification.token_classification.conll import EXTENSIONS, read_columns
from bert_classification.token_classification.piece_fields import (
    TagsField,
    TagWindows,
    WordIdsField,
)
from bert_classification.token_classification.tag_schemes import (
    check_scheme,
    count_malformed,
    iob2_names,
    to_iob2,
)

logger = logging.getLogger(__name__)


class Example(NamedTuple):
    words: Words
    tags: Optional[list[str]]
    location: str
    wants_probs: bool = False

    @property
    def text(self) -> str:
        return self.words.text


@DatasetReader.register("bert_for_token_classification")
class BertForTokenClassificationReader(BertReader):
    """
    Reads words with a tag each: files in CoNLL columns (`.conll`, `.txt`, `.iob`, `.bio`,
    `.annotated`, `.tsv`, or the format `conll`), or JSON lines with the keys `tokens`, a list of
    words, or `text` (or `sentence`), which the tokenizer `bert-basic` splits into words, and
    `tags`, one for each word. Where a record has both, `tokens` counts.

    Without `tags` the spans count: `entities`, a list of `{"start": ..., "end": ..., "type": ...}`,
    in characters of `text`, or of the tokens with a blank between them. So do the exports of
    doccano, Label Studio, Prodigy, spaCy and brat. Beside a `text`, `tokens` may be objects with
    `start` and `end`, the words that a tool has found.

    Nothing is cut: a text that is longer than `max_pieces` becomes several windows that overlap,
    and each word belongs to the window in which it has most context. Instances have the fields
    `tokens` and `word_ids`, a list of windows each, `words`, and, when labelled, `tags`, or else
    `wants_probs`, whether the record asks for the probabilities of all tags by `probs`. Tags are
    IOB2 inside; a tag that continues a span where there is none begins one, and the log counts
    these.

    # Parameters

    token_indexers, format, columns, label_names, encoding :
        See `BertReader`. `columns` of a file in CoNLL columns are numbers.
    tag_scheme : `str`, optional (default = `IOB2`)
        The scheme of the tags in the data: `IOB1`, `IOB2` or `BIOES`.
    span_alignment : `str`, optional (default = `error`)
        What becomes of a span that cuts a word: `expand` takes in the whole word, `contract` leaves
        it out, `drop` leaves out the span, and the log counts these; `error` stops. With each of
        the three the longest of several spans that overlap stays.
    doc_stride : `int`, optional
        How many word pieces a window begins after the one before it; by default half a window.
    label_all_pieces : `bool`, optional (default = `False`)
        Train all pieces of a word on its tag; otherwise its first piece.
    label_namespace : `str`, optional (default = `labels`)
        The namespace of the tags in the vocabulary.
    """

    formats = {**FORMATS, **EXTENSIONS}

    def __init__(
        self,
        tag_scheme: str = "IOB2",
        doc_stride: Optional[int] = None,
        label_all_pieces: bool = False,
        label_namespace: str = "labels",
        span_alignment: str = "error",
        **kwargs,
    ) -> None:
        super().__init__(**kwargs)
        self._tag_scheme = check_scheme(tag_scheme, "dataset_reader.tag_scheme")
        if span_alignment not in ALIGNMENTS:
            raise ConfigurationError(
                f"`dataset_reader.span_alignment` is {span_alignment!r}; expected one of "
                f"{', '.join(ALIGNMENTS)}."
            )
        self._span_alignment = span_alignment
        self._tag_names = self.label_names and iob2_names(self.label_names, tag_scheme)
        self._window = self.tokenizer.max_pieces - 2
        self._doc_stride = max(self._window // 2, 1) if doc_stride is None else doc_stride
        if self._doc_stride < 1:
            raise ConfigurationError(f"`doc_stride` is {doc_stride}; expected 1 or more.")
        self._label_all_pieces = label_all_pieces
        self._label_namespace = label_namespace
        self._splitter = BertBasicTokenizer()

    def records(self, path: str) -> Iterable[Record]:
        name = self.format_of(path)
        if name == "conll":
            return read_columns(path, self._tag_scheme, self.columns, self.encoding)
        if name is None or name in ("tsv", "csv"):
            raise ConfigurationError(
                f"{path}: cannot tell the format {name or 'from the extension'}; set "
                "`dataset_reader.format` to one of conll, jsonl, or a tool's."
            )
        return super().records(path)

    def parse(self, values: Mapping[str, Any], location: str, labelled: bool) -> Example:
        words = self._words(values)
        if labelled:
            return Example(words, self._tags(values, words), location)
        return Example(words, None, location, get_flag(values, "probs"))

    def to_instances(self, examples: Sequence[Example]) -> list[Instance]:
        encodings = self.tokenizer.encode_words([example.words.tokens for example in examples])
        return [self._instance(example, encoding) for example, encoding in zip(examples, encodings)]

    def text_to_instance(
        self,
        text: Optional[str] = None,
        tokens: Optional[Sequence[str]] = None,
        tags: Optional[Sequence[str]] = None,
    ) -> Instance:
        values = {"text": text, "tokens": tokens, "tags": tags}
        given = {key: value for key, value in values.items() if value is not None}
        example = self.parse(given, "text_to_instance", labelled=tags is not None)
        return self.to_instances([example])[0]

    def tags_field(
        self, tags: Sequence[str], word_ids: Iterable[numpy.ndarray], location: str
    ) -> ListField:
        """Makes the field of tags, in IOB2, for the windows whose pieces stand for `word_ids`."""
        if not self._label_all_pieces:
            word_ids = [numpy.where(first_pieces(window), window, -1) for window in word_ids]
        return TagWindows(
            [
                TagsField(tags, window, location, self._tag_names, self._label_namespace)
                for window in word_ids
            ]
        )

    def report(self, path: str) -> None:
        for name in ("expanded", "contracted", "dropped"):
            if self.counts[name]:
                logger.warning(
                    "%s: %d spans were %s (`dataset_reader.span_alignment` is %s).",
                    path,
                    self.counts[name],
                    name,
                    self._span_alignment,
                )
        if self.counts["repaired tags"]:
            logger.warning(
                "%s: %d tags were repaired, as they are not %s (`dataset_reader.tag_scheme`).",
                path,
                self.counts["repaired tags"],
                self._tag_scheme,
            )
        if self.counts["long texts"]:
            logger.info(
                "%s: %d texts are longer than %d word pieces and were split into windows.",
                path,
                self.counts["long texts"],
                self.tokenizer.max_pieces,
            )

    def _words(self, values: Mapping[str, Any]) -> Words:
        tokens = values.get("tokens")
        if isinstance(tokens, list) and tokens and isinstance(tokens[0], dict):
            words = _words_at(get_text(values, "text", "sentence"), tokens)
        elif tokens is not None:
            words = join_words(_check_tokens(tokens))
        elif not any(key in values for key in ("text", "sentence")):
            given = ", ".join(f"`{key}`" for key in values) or "no keys"
            raise RecordError(f"no key `tokens` or `text`; the record has {given}.")
        else:
            words = self._split(get_text(values, "text", "sentence"))
        check_unicode("tokens", words.text)
        return words

    def _split(self, text: str) -> Words:
        tokens = self._splitter.tokenize(text)
        if not tokens:
            raise RecordError("`text`: no word in it, only control characters.")
        starts, ends = ([getattr(token, key) for token in tokens] for key in ("idx", "idx_end"))
        return Words(text, array("i", starts), array("i", ends))

    def _tags(self, values: Mapping[str, Any], words: Words) -> list[str]:
        if values.get("tags") is None:
            return self._tags_of_spans(values, words)
        if not isinstance(values["tags"], list):
            raise RecordError(f"`tags`: expected a list, got {describe(values['tags'])}.")
        tags = [tag_name(tag, self.label_names) for tag in values["tags"]]
        if len(tags) != len(words.starts):
            raise RecordError(
                f"`tags`: {len(tags)} tags for {len(words.starts)} words; expected one for each "
                f"({describe(words.tokens)})."
            )
        converted = to_iob2(tags, self._tag_scheme)
        self.counts["repaired tags"] += count_malformed(tags, converted, self._tag_scheme)
        return converted

    def _tags_of_spans(self, values: Mapping[str, Any], words: Words) -> list[str]:
        # As doccano has it for a text without spans.
        empty = values.get("entities") is None and [] in (values.get("label"), values.get("labels"))
        if values.get("entities") is None and not empty:
            raise RecordError("no key `tags` or `entities`; training and evaluation need one.")
        spans = [] if empty else get_spans(values, words.text)
        return tags_of_spans(words, spans, self._span_alignment, self.counts)

    def _instance(self, example: Example, encoding: Encoding) -> Instance:
        ids, word_ids = pieces_of_words(encoding, len(example.words.starts), self.tokenizer.unk_id)
        spans = window_spans(len(ids), self._window, self._doc_stride)
        self.counts["long texts"] += len(spans) > 1
        texts = [join_segments(self.tokenizer, ids[start:end]) for start, end in spans]
        # [CLS] and [SEP] stand for no word.
        windows = [
            numpy.pad(window, 1, constant_values=-1) for window in words_in_windows(word_ids, spans)
        ]
        fields: dict[str, Field] = {
            "tokens": ListField([self.field(*text) for text in texts]),
            "word_ids": ListField([WordIdsField(window) for window in windows]),
            "words": MetadataField(example.words),
        }
        if example.tags is None:
            fields["wants_probs"] = MetadataField(example.wants_probs)
        else:
            fields["tags"] = self.tags_field(example.tags, windows, example.location)
        return Instance(fields)


def _words_at(text: str, tokens: list[Any]) -> Words:
    """Makes the words that a tool has found in a text."""
    starts, ends, end = array("i"), array("i"), 0
    for number, token in enumerate(tokens, 1):
        start, stop = _place(token)
        if not end <= start < stop:
            raise RecordError(
                f"`tokens`: expected words in their order, with `start` and `end`, got "
                f"{describe(token)} (word {number})."
            )
        if stop > len(text):
            raise RecordError(
                f"`tokens`: word {number} ends at character {stop}, but the text has {len(text)}."
            )
        end = stop
        if text[start:stop].strip():
            starts.append(start)
            ends.append(stop)
    if not starts:
        raise RecordError("`tokens`: no word in it, only white space.")
    return Words(text, starts, ends)


def _place(token: Any) -> tuple[int, int]:
    """Gives start and end of a word, of what is none two numbers that cannot be."""
    start, end = (token.get(key) if isinstance(token, dict) else None for key in ("start", "end"))
    return (start, end) if type(start) is int and type(end) is int else (-1, -1)


def _check_tokens(tokens: Any) -> list[str]:
    if not isinstance(tokens, list):
        raise RecordError(f"`tokens`: expected a list of words, got {describe(tokens)}.")
    if not tokens:
        raise RecordError("`tokens`: the list is empty.")
    for number, token in enumerate(tokens, 1):
        if not isinstance(token, str) or not token:
            raise RecordError(
                f"`tokens`: expected words that are not empty, got {describe(token)} (word "
                f"{number})."
            )
    return tokens


def tag_name(tag: Any, label_names: Optional[Sequence[str]]) -> str:
    if isinstance(tag, str):
        return check_label(tag, "tags")
    if not isinstance(tag, int) or isinstance(tag, bool):
        raise RecordError(f"`tags`: expected strings, got {describe(tag)}.")
    if label_names is None or not 0 <= tag < len(label_names):
        raise RecordError(
            f"`tags`: {tag} is a number without a name; `dataset_reader.label_names` names "
            f"{len(label_names or ())} tags, counted from 0."
        )
    return label_names[tag]
