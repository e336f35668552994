"""What a model of transformers answers on the held-out part, and how good that is."""

import math
import tempfile
from typing import Any, Callable, Iterator, NamedTuple, Sequence

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from transformers import BertPreTrainedModel

from benchmarks.quality.batches import Collate
from benchmarks.quality.features import IGNORE_INDEX, Example, Tokenizer
from benchmarks.quality.scores import Score, Scores, answers
from benchmarks.question_answering import Loop
from benchmarks.texts import Question

BATCH_SIZE = 32
MASKS_SEED = 0
NEXT_SENTENCE = ("is_next", "not_next")
"""In the order of transformers' outputs."""

Decode = Callable[[BertPreTrainedModel, Tensor, dict[str, Tensor]], list]
"""Of a model, its logits and the tensors that it was given, an answer for each example."""


class Trained(NamedTuple):
    model: BertPreTrainedModel
    tokenizer: Tokenizer
    collate: Collate

    @torch.inference_mode()
    def outputs(self, examples: Sequence[Example]) -> Iterator[tuple[dict[str, Tensor], Any]]:
        """Yields tensors and outputs of batches in the order of the file."""
        for start in range(0, len(examples), BATCH_SIZE):
            tensors = self.collate(self.tokenizer, examples[start : start + BATCH_SIZE])
            yield tensors, self.model(**tensors)


Measure = Callable[[Trained, Sequence[Example]], Scores]


def decoded(decode: Decode, score: Score) -> Measure:
    """Makes the measure that scores what a head's logits say."""

    def measure(trained: Trained, examples: Sequence[Example]) -> Scores:
        predicted = [
            answer
            for tensors, output in trained.outputs(examples)
            for answer in decode(trained.model, output.logits, tensors)
        ]
        return score(predicted, [example.gold for example in examples])

    return measure


def best_label(model: BertPreTrainedModel, logits: Tensor, tensors: dict) -> list[str]:
    return [model.config.id2label[index] for index in logits.argmax(-1).tolist()]


def number(model: BertPreTrainedModel, logits: Tensor, tensors: dict) -> list[float]:
    return logits.squeeze(-1).tolist()


def likely_labels(model: BertPreTrainedModel, logits: Tensor, tensors: dict) -> list[set[str]]:
    names = model.config.id2label
    rows = (logits.sigmoid() >= 0.5).tolist()
    return [{names[index] for index, likely in enumerate(row) if likely} for row in rows]


def choice(model: BertPreTrainedModel, logits: Tensor, tensors: dict) -> list[int]:
    return logits.argmax(-1).tolist()


def next_sentence(model: BertPreTrainedModel, logits: Tensor, tensors: dict) -> list[str]:
    return [NEXT_SENTENCE[index] for index in logits.argmax(-1).tolist()]


def tags(model: BertPreTrainedModel, logits: Tensor, tensors: dict) -> list[list[str]]:
    first = tensors["labels"] != IGNORE_INDEX
    best = logits.argmax(-1)
    names = model.config.id2label
    return [[names[i] for i in row[words].tolist()] for row, words in zip(best, first)]


def questions(trained: Trained, examples: Sequence[Example]) -> Scores:
    """Answers by the best span of the best window, as the benchmark of the speed does."""
    with tempfile.TemporaryDirectory() as directory:
        trained.model.save_pretrained(directory)
        trained.tokenizer.save_pretrained(directory)
        loop = Loop(directory)
    asked = [Question(example.gold.question, example.gold.context, "") for example in examples]
    return answers(loop.answers(asked), [example.gold for example in examples])


class PieceCounts:
    """Counts over all pieces that were to be predicted."""

    def __init__(self) -> None:
        self._loss, self._right, self._pieces = 0.0, 0, 0

    def add(self, logits: Tensor, labels: Tensor) -> None:
        wanted = labels != IGNORE_INDEX
        logits, labels = logits[wanted], labels[wanted]
        self._loss += cross_entropy(logits, labels, reduction="sum").item()
        self._right += int((logits.argmax(-1) == labels).sum())
        self._pieces += len(labels)

    def scores(self) -> Scores:
        perplexity = math.exp(self._loss / self._pieces)
        return {"perplexity": perplexity, "accuracy": self._right / self._pieces}


def masked_pieces(trained: Trained, examples: Sequence[Example]) -> Scores:
    """Of masks that are the same with each call."""
    torch.manual_seed(MASKS_SEED)
    counts = PieceCounts()
    for tensors, output in trained.outputs(examples):
        counts.add(output.logits, tensors["labels"])
    return counts.scores()


def both_objectives(trained: Trained, examples: Sequence[Example]) -> Scores:
    """Of masks that are the same with each call, and of the next sentence."""
    torch.manual_seed(MASKS_SEED)
    counts, right = PieceCounts(), 0
    for tensors, output in trained.outputs(examples):
        counts.add(output.prediction_logits, tensors["labels"])
        best = output.seq_relationship_logits.argmax(-1)
        right += int((best == tensors["next_sentence_label"]).sum())
    return {**counts.scores(), "next_sentence_accuracy": right / len(examples)}


def next_pieces(trained: Trained, examples: Sequence[Example]) -> Scores:
    counts = PieceCounts()
    for tensors, output in trained.outputs(examples):
        counts.add(output.logits[:, :-1], tensors["labels"][:, 1:])
    return counts.scores()
