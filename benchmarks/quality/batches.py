"""The plain side's batches: examples padded to tensors, with the labels of a head."""

from typing import Callable, Sequence

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from transformers import DataCollatorForLanguageModeling

from benchmarks.quality.features import IGNORE_INDEX, Example, Tokenizer

Collate = Callable[[Tokenizer, Sequence[Example]], dict[str, Tensor]]


def pad(tokenizer: Tokenizer, batch: Sequence[Example]) -> dict[str, Tensor]:
    sequences = [sequence for example in batch for sequence in example.sequences]
    return dict(tokenizer.pad(sequences, return_tensors="pt"))


def with_spans(tokenizer: Tokenizer, batch: Sequence[Example]) -> dict[str, Tensor]:
    """A batch has all windows of its questions."""
    spans = [example.label for example in batch]
    starts, ends = torch.tensor([span for each in spans for span in each]).T
    return {**pad(tokenizer, batch), "start_positions": starts, "end_positions": ends}


def with_labels(tokenizer: Tokenizer, batch: Sequence[Example]) -> dict[str, Tensor]:
    labels = torch.tensor([example.label for example in batch])
    return {**pad(tokenizer, batch), "labels": labels}


def with_choices(tokenizer: Tokenizer, batch: Sequence[Example]) -> dict[str, Tensor]:
    tensors = with_labels(tokenizer, batch)
    labels = tensors.pop("labels")
    choices = {name: rows.view(len(batch), -1, rows.size(-1)) for name, rows in tensors.items()}
    return {**choices, "labels": labels}


def with_tags(tokenizer: Tokenizer, batch: Sequence[Example]) -> dict[str, Tensor]:
    rows = [torch.tensor(example.label) for example in batch]
    labels = pad_sequence(rows, batch_first=True, padding_value=IGNORE_INDEX)
    return {**pad(tokenizer, batch), "labels": labels}


def with_masks(tokenizer: Tokenizer, batch: Sequence[Example]) -> dict[str, Tensor]:
    return DataCollatorForLanguageModeling(tokenizer)(
        [sequence for example in batch for sequence in example.sequences]
    )


def with_masks_and_labels(tokenizer: Tokenizer, batch: Sequence[Example]) -> dict[str, Tensor]:
    label = torch.tensor([example.label for example in batch])
    return {**with_masks(tokenizer, batch), "next_sentence_label": label}


def with_next_pieces(tokenizer: Tokenizer, batch: Sequence[Example]) -> dict[str, Tensor]:
    tensors = pad(tokenizer, batch)
    labels = tensors["input_ids"].masked_fill(tensors["attention_mask"] == 0, IGNORE_INDEX)
    return {**tensors, "labels": labels}
