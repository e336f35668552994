"""From the lines of a file to the tensors of batches, and the memory that instances take."""

import gc
import tracemalloc
from functools import partial
from typing import Callable

import torch
from allennlp.common import Params
from allennlp.data import DataLoader, DatasetReader, Vocabulary
from transformers import AutoTokenizer, BertForSequenceClassification

from benchmarks import stock_allennlp
from benchmarks.checkpoints import LABELS, Setting, checkpoint, config
from benchmarks.comparison import Contest, Row, Work, per_second
from benchmarks.texts import comments, of_equal_length, write_json_lines
from benchmarks.train import label_comments

TEXTS = 20_000
HELD = 2_000

OURS = "ours"
TOKENIZERS = "tokenizers, the same texts from memory in one batch"
STOCK = "AllenNLP's Token objects"
LONGER = "texts of about 50 pieces"


def contest(setting: Setting) -> Contest:
    records = label_comments(setting.amount(TEXTS), setting)
    texts = [record["text"] for record in records]
    bert = checkpoint(BertForSequenceClassification, setting)
    path = write_json_lines(setting.directory / "reading.jsonl", records)
    tokenizer = AutoTokenizer.from_pretrained(bert).backend_tokenizer
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return Contest(
        "read, index and make tensors",
        {
            OURS: lambda: partial(read, bert, path),
            TOKENIZERS: lambda: partial(tokenizer.encode_batch, texts),
        },
        [Row(OURS, TOKENIZERS, 0.4)],
        lambda: check(read(bert, path), [each.ids for each in tokenizer.encode_batch(texts)]),
        per_second(len(texts), "texts"),
    )


def read(bert: str, path: str) -> list[torch.Tensor]:
    """Reads the ids of all batches, in the order of the file; the data loader is the config's."""
    made = Params(config("classification", bert, path, data_loader__shuffle=False))
    reader = DatasetReader.from_params(made["dataset_reader"])
    loader = DataLoader.from_params(made["data_loader"], reader=reader, data_path=path)
    loader.index_with(Vocabulary(tokens_to_add={"labels": LABELS}))
    return [batch["tokens"]["bert"]["input_ids"] for batch in loader]


def check(batches: list[torch.Tensor], expected: list[list[int]]) -> None:
    rows = (row[row != 0].tolist() for batch in batches for row in batch)
    if list(rows) != expected:
        raise ValueError("The piece ids are not those of the tokenizer.")


def memory_contest(setting: Setting) -> Contest:
    count = setting.amount(HELD)
    bert = checkpoint(BertForSequenceClassification, setting)
    texts = {
        "comments": comments(count, setting.data),
        LONGER: list(of_equal_length(comments(4 * count, setting.data), 38))[:count],
    }
    sides = {}
    for name, each in texts.items():
        records = [{"text": text, "label": LABELS[0]} for text in each]
        path = write_json_lines(setting.directory / f"{name}.jsonl", records)
        ours = config("classification", bert, path)["dataset_reader"]
        sides[f"ours, {name}"] = read_all(DatasetReader.from_params(Params(ours)), path)
        sides[f"{STOCK}, {name}"] = read_all(stock_allennlp.reader(bert), path)
    return Contest(
        "hold instances in memory",
        sides,
        [
            Row(f"ours, {LONGER}", f"{STOCK}, {LONGER}", 10),
            Row("ours, comments", f"{STOCK}, comments"),
        ],
        lambda: None,
        lambda held: f"{held / count:,.0f} bytes each",
        held_bytes,
    )


def read_all(reader: DatasetReader, path: str) -> Callable[[], Work]:
    return lambda: lambda: list(reader.read(path))


def held_bytes(work: Work) -> float:
    work()
    gc.collect()
    tracemalloc.start()
    try:
        instances = work()
        gc.collect()
        held, _ = tracemalloc.get_traced_memory()
        del instances
        return held
    finally:
        tracemalloc.stop()
