"""
The engines that people pick for BERT on a CPU: text in, probabilities out. Each tokenizes in one
call, sorts by length, and takes the batch size with which it is fastest.
"""

from functools import partial
from pathlib import Path
from typing import Any, Callable, Iterator, Sequence

import numpy
import onnxruntime
import torch
from onnxruntime.quantization import quantize_dynamic
from transformers import AutoTokenizer, BertForSequenceClassification

from benchmarks.comparison import seconds
from benchmarks.loops import Answers
from bert_classification.commands.onnx import write_onnx

SIZES = (8, 16, 32, 64)

Batch = tuple[list[int], list[list[int]]]
"""The indices of some texts, and their word pieces."""
Run = Callable[[Iterator[Batch], numpy.ndarray], None]
"""Writes the logits of the batches into an array of shape `(texts, labels)`."""
Predict = Callable[[Sequence[str]], Answers]


def fastest(checkpoint: str, run: Run, sample: Sequence[str]) -> Predict:
    """Makes a side of an engine, with the batch size that a sample takes least time with."""
    sides = {size: partial(_predict, checkpoint, run, size) for size in SIZES}
    sides[SIZES[0]](sample[: SIZES[0]])
    return sides[min(SIZES, key=lambda size: seconds(partial(sides[size], sample)))]


def _predict(checkpoint: str, run: Run, size: int, texts: Sequence[str]) -> Answers:
    ids = _tokenizer(checkpoint)(list(texts), truncation=True).input_ids
    order = sorted(range(len(texts)), key=lambda index: len(ids[index]))
    groups = (order[start : start + size] for start in range(0, len(order), size))
    labels = BertForSequenceClassification.config_class.from_pretrained(checkpoint).num_labels
    logits = numpy.zeros((len(texts), labels), numpy.float32)
    run(((group, [ids[index] for index in group]) for group in groups), logits)
    best, indices = torch.from_numpy(logits).softmax(-1).max(-1)
    return list(zip(indices.tolist(), best.tolist()))


_tokenizers: dict[str, Any] = {}


def _tokenizer(checkpoint: str) -> Any:
    if checkpoint not in _tokenizers:
        _tokenizers[checkpoint] = AutoTokenizer.from_pretrained(checkpoint)
    return _tokenizers[checkpoint]


def _pad(ids: list[list[int]]) -> tuple[numpy.ndarray, numpy.ndarray]:
    """Gives ids and mask, both of shape `(texts, length)`."""
    tokens = numpy.zeros((len(ids), max(map(len, ids))), numpy.int64)
    mask = numpy.zeros_like(tokens)
    for row, pieces in enumerate(ids):
        tokens[row, : len(pieces)], mask[row, : len(pieces)] = pieces, 1
    return tokens, mask


class _Logits(torch.nn.Module):
    def __init__(self, checkpoint: str) -> None:
        super().__init__()
        self.model = BertForSequenceClassification.from_pretrained(checkpoint).eval()

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        return self.model(input_ids=input_ids, attention_mask=attention_mask).logits


def openvino_streams(checkpoint: str, threads: int, calibration: Sequence[str] = ()) -> Run:
    """OpenVINO with a stream a thread; with texts to calibrate on, in int8 as NNCF makes it."""
    import openvino

    example = torch.ones(2, 9, dtype=torch.long)
    model = openvino.convert_model(
        _Logits(checkpoint), example_input={"input_ids": example, "attention_mask": example}
    )
    if calibration:
        import nncf

        pieces = [_tokenizer(checkpoint)(text, truncation=True).input_ids for text in calibration]
        keys = ("input_ids", "attention_mask")
        data = nncf.Dataset([dict(zip(keys, _pad([each]))) for each in pieces])
        kind = nncf.ModelType.TRANSFORMER
        model = nncf.quantize(model, data, model_type=kind, subset_size=len(pieces))
    compiled = openvino.Core().compile_model(
        model,
        "CPU",
        {
            "NUM_STREAMS": threads,
            "INFERENCE_NUM_THREADS": threads,
            "INFERENCE_PRECISION_HINT": "f32",
        },
    )

    def run(batches: Iterator[Batch], logits: numpy.ndarray) -> None:
        queue = openvino.AsyncInferQueue(compiled, threads)

        def write(request: Any, indices: list[int]) -> None:
            logits[indices] = request.get_output_tensor(0).data

        queue.set_callback(write)
        for indices, ids in batches:
            queue.start_async(dict(enumerate(_pad(ids))), indices)
        queue.wait_all()

    return run


def ctranslate(checkpoint: str, threads: int, compute_type: str) -> Run:
    """CTranslate2's encoder; it has no heads, so that pooler and classifier are PyTorch's."""
    import ctranslate2

    directory = Path(checkpoint, "ctranslate2")
    if not directory.exists():
        ctranslate2.converters.TransformersConverter(checkpoint).convert(str(directory))
    encoder = ctranslate2.Encoder(
        str(directory), device="cpu", compute_type=compute_type, intra_threads=threads
    )
    head = BertForSequenceClassification.from_pretrained(checkpoint).eval()

    @torch.inference_mode()
    def run(batches: Iterator[Batch], logits: numpy.ndarray) -> None:
        for indices, ids in batches:
            states = torch.from_numpy(numpy.array(encoder.forward_batch(ids).last_hidden_state))
            logits[indices] = head.classifier(head.bert.pooler(states[:, :1])).numpy()

    return run


def onnx_int8(checkpoint: str, threads: int) -> Run:
    """ONNX Runtime's dynamic int8, a scale for each row of the weights."""
    written, quantized = (str(Path(checkpoint, f"{name}.onnx")) for name in ("model", "per-row"))
    write_onnx(BertForSequenceClassification.from_pretrained(checkpoint).eval(), written)
    quantize_dynamic(written, quantized, per_channel=True)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(quantized, options, providers=["CPUExecutionProvider"])
    names = {each.name for each in session.get_inputs()}

    def run(batches: Iterator[Batch], logits: numpy.ndarray) -> None:
        for indices, ids in batches:
            tokens, mask = _pad(ids)
            given = {
                "input_ids": tokens,
                "attention_mask": mask,
                "token_type_ids": numpy.zeros_like(tokens),
            }
            given = {name: each for name, each in given.items() if name in names}
            (logits[indices],) = session.run(None, given)

    return run
