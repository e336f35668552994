"""
The plain side's way from a file to word pieces, with transformers' tokenizer as its documentation
uses it. An example has `sequences`, the texts that BERT reads for it, and its label.
"""

import json
from pathlib import Path
from typing import Any, Callable, NamedTuple, Sequence

from transformers import PreTrainedTokenizerFast

from bert_classification.bert.word_pieces import WordPieceTokenizer
from bert_classification.next_sentence_prediction.pairs import read_pairs
from bert_classification.pretraining.segments import SegmentSettings, read_segments

NAMES = ("input_ids", "token_type_ids")
IGNORE_INDEX = -100
BLOCK_SIZE = 128
MAX_PIECES, DOC_STRIDE = 384, 128
PAIRS_SEED = 13


class Example(NamedTuple):
    """
    sequences : `list[dict]`, each with `input_ids` and `token_type_ids`, as a tokenizer gives them.
    label : what the loss needs beside them.
    gold : what the score needs.
    """

    sequences: list[dict[str, list[int]]]
    label: Any = None
    gold: Any = None


class Asked(NamedTuple):
    question: str
    context: str
    answers: list[str]


Tokenizer = PreTrainedTokenizerFast
Read = Callable[[Path, Tokenizer], list[Example]]


def sst2(path: Path, tokenizer: Tokenizer) -> list[Example]:
    rows = _rows(path)
    return [_example(tokenizer(r["sentence"]), int(r["label"]), r["label"]) for r in rows]


def stsb(path: Path, tokenizer: Tokenizer) -> list[Example]:
    rows = [(row["sentence1"], row["sentence2"], float(row["score"])) for row in _rows(path)]
    return [_example(tokenizer(first, second), score, score) for first, second, score in rows]


def goemotions(path: Path, tokenizer: Tokenizer) -> list[Example]:
    rows = _rows(path, ["text", "labels", "id"])
    names = emotions_of(path)
    examples = []
    for row in rows:
        present = {int(index) for index in row["labels"].split(",")}
        label = [float(index in present) for index in range(len(names))]
        gold = {names[index] for index in present}
        examples.append(_example(tokenizer(row["text"]), label, gold))
    return examples


def emotions_of(path: Path) -> list[str]:
    return path.with_name("labels.txt").read_text(encoding="utf-8").split()


def commonsense(path: Path, tokenizer: Tokenizer) -> list[Example]:
    examples = []
    for line in path.read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        question = record["question"]
        label = "ABCDE".index(record["answerKey"])
        pairs = [tokenizer(question["stem"], choice["text"]) for choice in question["choices"]]
        examples.append(Example([_ids(pair) for pair in pairs], label, label))
    return examples


def wnut17(path: Path, tokenizer: Tokenizer) -> list[Example]:
    """
    The first piece of each word has its tag, as in transformers' `run_ner`. A word of control
    characters, which has no piece and would be left out, is unknown.
    """
    sentences = path.read_text(encoding="utf-8").strip().split("\n\n")
    names = tags_of(path)
    examples = []
    for sentence in sentences:
        rows = [line.split("\t")[:2] for line in sentence.split("\n")]
        words = [row[0] if tokenizer.tokenize(row[0]) else tokenizer.unk_token for row in rows]
        tags = [row[1] for row in rows]
        encoded = tokenizer(words, is_split_into_words=True, truncation=True, max_length=512)
        word_ids = encoded.word_ids()
        label = [
            IGNORE_INDEX if word is None or word == before else names.index(tags[word])
            for before, word in zip([None, *word_ids], word_ids)
        ]
        examples.append(_example(encoded, label, tags))
    return examples


def tags_of(path: Path) -> list[str]:
    """Lists the tags of the files to train and to measure on, as AllenNLP's vocabulary has them."""
    lines = [line for file in path.parent.glob("*.conll") for line in _lines(file)]
    return sorted({line.split("\t")[1] for line in lines})


def squad(path: Path, tokenizer: Tokenizer) -> list[Example]:
    """Windows of a context as in transformers' `run_qa`, at the distance of BERT's `run_squad`."""
    articles = json.loads(path.read_text(encoding="utf-8"))["data"]
    examples = []
    for paragraph in (each for article in articles for each in article["paragraphs"]):
        for question in paragraph["qas"]:
            windows = _windows(question, paragraph["context"], tokenizer)
            columns = zip(windows["input_ids"], windows["token_type_ids"])
            sequences = [dict(zip(NAMES, column)) for column in columns]
            label = _spans(windows, question["answers"][0])
            examples.append(Example(sequences, label, _asked(question, paragraph)))
    return examples


def _asked(question: dict, paragraph: dict) -> Asked:
    answers = [answer["text"] for answer in question["answers"]]
    return Asked(question["question"], paragraph["context"], answers)


def _windows(question: dict, context: str, tokenizer: Tokenizer) -> Any:
    length = len(_plain_ids(tokenizer, question["question"]))
    return tokenizer(
        question["question"],
        context,
        truncation="only_second",
        max_length=MAX_PIECES,
        stride=MAX_PIECES - 3 - length - DOC_STRIDE,
        return_overflowing_tokens=True,
        return_offsets_mapping=True,
    )


def _spans(windows: Any, answer: dict) -> list[tuple[int, int]]:
    """In each window the first and the last piece of the answer; 0 where it is not whole."""
    start, end = answer["answer_start"], answer["answer_start"] + len(answer["text"])
    spans = []
    for index, offsets in enumerate(windows["offset_mapping"]):
        context = [i for i, part in enumerate(windows.sequence_ids(index)) if part == 1]
        whole = offsets[context[0]][0] <= start and offsets[context[-1]][1] >= end
        pieces = [i for i in context if offsets[i][0] < end and offsets[i][1] > start]
        spans.append((pieces[0], pieces[-1]) if whole and pieces else (0, 0))
    return spans


def masked_blocks(path: Path, tokenizer: Tokenizer) -> list[Example]:
    """Running text cut into blocks, `[CLS] ... [SEP]`; the last is shorter."""
    ids = [piece for line in _lines(path) for piece in _plain_ids(tokenizer, line)]
    room = BLOCK_SIZE - 2
    cls, sep = tokenizer.cls_token_id, tokenizer.sep_token_id
    blocks = [[cls, *ids[start : start + room], sep] for start in range(0, len(ids), room)]
    return [_block(block) for block in blocks]


def causal_blocks(path: Path, tokenizer: Tokenizer) -> list[Example]:
    """Running text cut into blocks, each after a `[CLS]`; a `[SEP]` ends each paragraph."""
    sep = tokenizer.sep_token_id
    ids = [piece for line in _lines(path) for piece in [*_plain_ids(tokenizer, line), sep]]
    room = BLOCK_SIZE - 1
    starts = range(0, len(ids), room)
    return [_block([tokenizer.cls_token_id, *ids[start : start + room]]) for start in starts]


def sentence_pairs(path: Path, tokenizer: Tokenizer) -> list[Example]:
    """The pairs that our reader draws; which ones are drawn is no matter of a model."""
    pairs = [record.values for record in read_pairs(str(path), seed=PAIRS_SEED)]
    return [
        _example(
            tokenizer(pair["text"], pair["text_pair"], truncation=True, max_length=512),
            int(pair["label"] == "not_next"),
            pair["label"],
        )
        for pair in pairs
    ]


def segment_pairs(path: Path, tokenizer: Tokenizer) -> list[Example]:
    """The pairs of segments that our reader draws; which ones are drawn is no matter of a model."""
    settings = SegmentSettings(BLOCK_SIZE - 3, short_seq_prob=0.1, seed=PAIRS_SEED)
    pieces = WordPieceTokenizer(tokenizer.name_or_path)
    examples = []
    for pair in read_segments(str(path), pieces, settings):
        first, second = (ids.tolist() for ids in pair.segments)
        ids = tokenizer.build_inputs_with_special_tokens(first, second)
        types = [0] * (len(first) + 2) + [1] * (len(second) + 1)
        sequence = {"input_ids": ids, "token_type_ids": types}
        examples.append(Example([sequence], int(not pair.is_next)))
    return examples


def _rows(path: Path, names: Sequence[str] = ()) -> list[dict[str, str]]:
    rows = [line.split("\t") for line in _lines(path)]
    header = names or rows.pop(0)
    return [dict(zip(header, row)) for row in rows]


def _lines(path: Path) -> list[str]:
    return [line for line in path.read_text(encoding="utf-8").split("\n") if line]


def _ids(encoded: Any) -> dict[str, list[int]]:
    return {name: encoded[name] for name in NAMES}


def _example(encoded: Any, label: Any, gold: Any) -> Example:
    return Example([_ids(encoded)], label, gold)


def _plain_ids(tokenizer: Tokenizer, text: str) -> list[int]:
    return tokenizer(text, add_special_tokens=False).input_ids


def _block(ids: list[int]) -> Example:
    return Example([{"input_ids": ids, "token_type_ids": [0] * len(ids)}])
