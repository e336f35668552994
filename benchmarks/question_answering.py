"""Answers to questions about contexts, in windows of 384 pieces."""

from functools import partial
from typing import NamedTuple, Sequence

import torch
from allennlp.predictors import Predictor
from torch import Tensor
from transformers import AutoTokenizer, BertForQuestionAnswering

from benchmarks.checkpoints import Setting, archive, checkpoint
from benchmarks.comparison import Contest, Row, per_second, seconds
from benchmarks.texts import Question, questions

QUESTIONS = 300
CHECKED = 60
AGREEMENT = 0.95
"""The least share of equal answers; windows that overlap are joined in two ways."""
MAX_PIECES, DOC_STRIDE, N_BEST, MAX_ANSWER = 384, 128, 20, 30
SIZES = (4, 8, 16, 32)

OURS, PEER = "ours", "PyTorch loop over sorted windows"


def contest(setting: Setting) -> Contest:
    asked = questions(setting.amount(QUESTIONS), setting.squad)
    bert = checkpoint(BertForQuestionAnswering, setting)
    predictor = our_predictor(bert, asked, setting)
    loop = Loop(bert)
    return Contest(
        f"answer {len(asked)} questions about contexts",
        {
            OURS: lambda: partial(ours, predictor, asked),
            PEER: lambda: partial(loop.answers, asked),
        },
        [Row(OURS, PEER, 0.85)],
        lambda: check(ours(predictor, asked[:CHECKED]), loop.tuned(asked[:CHECKED])),
        per_second(len(asked), "questions"),
    )


def our_predictor(bert: str, asked: Sequence[Question], setting: Setting) -> Predictor:
    archived = archive(
        "question_answering",
        bert,
        [question.record() for question in asked[:8]],
        setting,
        dataset_reader__token_indexers__bert__max_pieces=MAX_PIECES,
        dataset_reader__doc_stride=DOC_STRIDE,
    )
    return Predictor.from_path(archived)


def ours(predictor: Predictor, asked: Sequence[Question]) -> list[str]:
    records = [{"question": each.question, "context": each.context} for each in asked]
    return [output["answer"] for output in predictor.predict_batch_json(records)]


class Window(NamedTuple):
    question: int
    ids: list[int]
    begin: int
    """Where the context begins in `ids`."""
    first: int
    """The piece of the context that it begins with."""


class Loop:
    """The windows of all questions by their length, and the best span of the best window."""

    def __init__(self, checkpoint: str) -> None:
        self._tokenizer = AutoTokenizer.from_pretrained(checkpoint)
        self._model = BertForQuestionAnswering.from_pretrained(checkpoint).eval()
        self._size = SIZES[0]

    def tuned(self, sample: Sequence[Question]) -> list[str]:
        """Finds the size of batches that takes least time."""

        def cost(size: int) -> float:
            self._size = size
            return seconds(lambda: self.answers(sample))

        self._size = min(SIZES, key=cost)
        return self.answers(sample)

    @torch.inference_mode()
    def answers(self, asked: Sequence[Question]) -> list[str]:
        windows, offsets = self._windows(asked)
        windows.sort(key=lambda window: len(window.ids))
        best: dict[int, tuple[float, str]] = {}
        for start in range(0, len(windows), self._size):
            batch = windows[start : start + self._size]
            output = self._model(**self._tensors(batch))
            for window, span in zip(
                batch, best_spans(batch, output.start_logits, output.end_logits)
            ):
                score, first, last = span
                shift = window.first - window.begin
                characters = offsets[window.question]
                text = asked[window.question].context[
                    characters[first + shift][0] : characters[last + shift][1]
                ]
                best[window.question] = max(best.get(window.question, (-1e9, "")), (score, text))
        return [best[index][1] for index in range(len(asked))]

    def _windows(self, asked: Sequence[Question]) -> tuple[list[Window], list]:
        quiet = {"add_special_tokens": False, "verbose": False}
        asking = self._tokenizer([each.question for each in asked], **quiet).input_ids
        contexts = list(dict.fromkeys(each.context for each in asked))
        encoded = self._tokenizer(contexts, return_offsets_mapping=True, **quiet)
        indices = {context: index for index, context in enumerate(contexts)}
        windows, offsets = [], []
        for index, (each, ids) in enumerate(zip(asked, asking)):
            context = encoded.input_ids[indices[each.context]]
            offsets.append(encoded.offset_mapping[indices[each.context]])
            head = [self._tokenizer.cls_token_id, *ids[:64], self._tokenizer.sep_token_id]
            room = MAX_PIECES - len(head) - 1
            for first in range(0, max(len(context) - room, 0) + DOC_STRIDE, DOC_STRIDE):
                part = context[first : first + room]
                whole = [*head, *part, self._tokenizer.sep_token_id]
                windows.append(Window(index, whole, len(head), first))
        return windows, offsets

    def _tensors(self, batch: Sequence[Window]) -> dict[str, Tensor]:
        tensors = self._tokenizer.pad(
            {"input_ids": [window.ids for window in batch]}, return_tensors="pt"
        )
        positions = torch.arange(tensors["input_ids"].size(1))
        begins = torch.tensor([[window.begin] for window in batch])
        return {**tensors, "token_type_ids": (positions >= begins) * tensors["attention_mask"]}


def best_spans(
    batch: Sequence[Window], starts: Tensor, ends: Tensor
) -> list[tuple[float, int, int]]:
    """Finds of each window the best span of the best starts and ends, with its score."""
    positions = torch.arange(starts.size(1))
    begins = torch.tensor([[window.begin] for window in batch])
    finish = torch.tensor([[len(window.ids) - 1] for window in batch])
    outside = (positions < begins) | (positions >= finish)
    count = min(N_BEST, starts.size(1))
    start_scores, firsts = starts.masked_fill(outside, -1e9).topk(count)
    end_scores, lasts = ends.masked_fill(outside, -1e9).topk(count)
    length = lasts.unsqueeze(1) - firsts.unsqueeze(2)
    scores = start_scores.unsqueeze(2) + end_scores.unsqueeze(1)
    scores = scores.masked_fill((length < 0) | (length >= MAX_ANSWER), -2e9)
    best, where = scores.flatten(1).max(1)
    first, last = firsts.gather(1, where[:, None] // count), lasts.gather(1, where[:, None] % count)
    return list(zip(best.tolist(), first[:, 0].tolist(), last[:, 0].tolist()))


def check(given: Sequence[str], expected: Sequence[str]) -> None:
    same = sum(own == other for own, other in zip(given, expected)) / len(expected)
    if same < AGREEMENT:
        raise ValueError(f"{same:.1%} of the answers are the same; the sides do different work.")
