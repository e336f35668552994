"""Loops written by hand, over batches tokenized before: in PyTorch, and in ONNX Runtime's int8."""

from functools import partial
from pathlib import Path
from typing import Callable, NamedTuple, Sequence

import onnxruntime
import torch
from onnxruntime.quantization import quantize_dynamic
from torch import Tensor
from transformers import AutoTokenizer, BertForSequenceClassification

from benchmarks.comparison import Work, seconds
from bert_classification.commands.onnx import write_onnx

SIZES = (8, 16, 32, 64, 128)

Answers = list[tuple[int, float]]
"""For each text the index of its most probable label, and the probability."""
Probs = Callable[[dict[str, Tensor]], Tensor]
"""The probabilities of all labels, of the tensors of a batch."""


class Batch(NamedTuple):
    """The indices of some texts in the file, and their tensors."""

    indices: Sequence[int]
    tensors: dict[str, Tensor]


def pytorch(checkpoint: str) -> Probs:
    model = BertForSequenceClassification.from_pretrained(checkpoint).eval()

    @torch.inference_mode()
    def probs(tensors: dict[str, Tensor]) -> Tensor:
        return model(**tensors).logits.softmax(-1)

    return probs


def onnx_int8(checkpoint: str, threads: int) -> Probs:
    """Quantizes what `allennlp export-hf --onnx` writes, as ONNX Runtime's manual says."""
    written, quantized = (str(Path(checkpoint, f"{name}.onnx")) for name in ("model", "int8"))
    write_onnx(BertForSequenceClassification.from_pretrained(checkpoint).eval(), written)
    quantize_dynamic(written, quantized)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(quantized, options, providers=["CPUExecutionProvider"])

    def probs(tensors: dict[str, Tensor]) -> Tensor:
        (logits,) = session.run(None, {name: each.numpy() for name, each in tensors.items()})
        return torch.from_numpy(logits).softmax(-1)

    return probs


def in_file_order(checkpoint: str, probs: Probs, size: int) -> Callable[[Sequence[str]], Work]:
    return lambda texts: partial(run, probs, batches(checkpoint, texts, range(len(texts)), size))


def by_length(
    checkpoint: str, probs: Probs, sample: Sequence[str]
) -> Callable[[Sequence[str]], Work]:
    """
    Runs over batches of texts of about equal length, of the size that takes least time for a piece
    in a fifth of the sample's batches.
    """

    def sorted_batches(texts: Sequence[str], size: int) -> list[Batch]:
        ids = AutoTokenizer.from_pretrained(checkpoint)(list(texts)).input_ids
        order = sorted(range(len(texts)), key=lambda index: len(ids[index]))
        return batches(checkpoint, texts, order, size)

    def cost(size: int) -> float:
        found = sorted_batches(sample, size)
        part = found[min(2, len(found) - 1) :: 5]
        pieces = sum(int(batch.tensors["attention_mask"].sum()) for batch in part)
        return seconds(partial(run, probs, part)) / pieces

    fastest = min(SIZES, key=cost)
    return lambda texts: partial(run, probs, sorted_batches(texts, fastest))


def batches(checkpoint: str, texts: Sequence[str], order: Sequence[int], size: int) -> list[Batch]:
    tokenizer = AutoTokenizer.from_pretrained(checkpoint)
    groups = [order[start : start + size] for start in range(0, len(order), size)]
    return [
        Batch(
            indices, dict(tokenizer([texts[i] for i in indices], padding=True, return_tensors="pt"))
        )
        for indices in groups
    ]


def run(probs: Probs, batches: Sequence[Batch]) -> Answers:
    """Gives the answers in the order of the file."""
    answers = {}
    for indices, tensors in batches:
        best, labels = probs(tensors).max(-1)
        answers.update(zip(indices, zip(labels.tolist(), best.tolist())))
    return [answers[index] for index in sorted(answers)]
