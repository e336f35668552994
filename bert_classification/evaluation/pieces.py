"""Figures of word pieces that a language model is to predict."""

import math
from array import array
from typing import Any, Callable, Iterable, Iterator, NamedTuple, Optional, Sequence

import numpy
import torch
from allennlp.common.util import JsonDict
from torch import Tensor

from bert_classification.evaluation.bootstrap import Interval
from bert_classification.evaluation.figures import Figures, Show, mean, place_of
from bert_classification.evaluation.page import Part, Section, Table, Text
from bert_classification.evaluation.pictures import bars
from bert_classification.evaluation.task_lines import Located, TaskLines

PIECES_AT_ONCE = 512
"""Whose logits over the vocabulary are in memory."""
POSITIONS = 16
"""Parts of the positions on the page."""
MOST_EXPONENT = 700.0


class Pieces(NamedTuple):
    """Of each piece to predict: its loss, the best piece, and the probability of that."""

    losses: Tensor
    best: Tensor
    probs: Tensor


def predict_pieces(head: Callable[[Tensor], Tensor], states: Tensor, gold: Tensor) -> Pieces:
    """
    Predicts pieces from hidden states.

    # Parameters

    states : `Tensor`
        Shape `(pieces, width)`.
    gold : `Tensor`
        Their ids, shape `(pieces,)`.
    """
    parts = []
    for part, ids in zip(states.split(PIECES_AT_ONCE), gold.split(PIECES_AT_ONCE)):
        log_probs = head(part).float().log_softmax(-1)
        sure, best = log_probs.max(-1)
        parts.append(Pieces(-log_probs.gather(1, ids.unsqueeze(1)).squeeze(1), best, sure.exp()))
    return Pieces(*(torch.cat(each) for each in zip(*parts)))


def piece_answers(tokenizer: Any, wanted: Tensor, gold: Tensor, found: Pieces) -> list[JsonDict]:
    """
    Words what was found for a batch.

    # Parameters

    wanted : `Tensor`
        Which pieces were to be predicted, shape `(batch_size, length)`.
    gold : `Tensor`
        The ids of these, shape `(pieces,)`.
    """
    counts = wanted.sum(-1).tolist()
    columns = [each.split(counts) for each in (gold, *found)]
    answers = []
    for row, ids, losses, best, probs in zip(wanted, *columns):
        answers.append(
            {
                "gold": tokenizer.convert_ids_to_tokens(ids.tolist()),
                "prediction": tokenizer.convert_ids_to_tokens(best.tolist()),
                "confidence": float(probs.double().mean()) if len(probs) else None,
                "loss": float(losses.double().mean()) if len(losses) else None,
                "positions": row.nonzero().squeeze(-1).tolist(),
                "losses": losses.tolist(),
            }
        )
    return answers


def located_examples(examples: Iterable[tuple[str, Any]], path: str) -> Iterator[Located]:
    """Yields examples of running text, which are no records."""
    for location, example in examples:
        yield Located({}, path, int(location.rsplit(" ", 1)[-1]), example)


class PieceLines(TaskLines):
    """Lines of a task that predicts pieces: `batch_answers` says what of a batch."""

    def located(self, path: str) -> Iterator[Located]:
        if self.reader.is_plain(path):
            return located_examples(self.reader.examples(path), path)
        return super().located(path)

    def answers(self, records: Sequence[Located]) -> list[JsonDict]:
        answers: list[JsonDict] = [{} for _ in records]
        for indices, tensors in self.batches(records):
            with torch.inference_mode():
                batch = self.batch_answers([records[index] for index in indices], tensors)
            for index, answer in zip(indices, batch):
                answers[index] = answer
        return answers

    def batch_answers(self, records: Sequence[Located], tensors: Any) -> list[JsonDict]:
        """Makes the answers to records of the tensors of their batch."""
        raise NotImplementedError

    @classmethod
    def figures(cls, line: JsonDict) -> Figures:
        return PieceFigures()


class PieceFigures(Figures):
    """
    Of lines with lists of pieces as `gold` and `prediction`, and of each piece its position and its
    loss; with `next_sentence` also whether the second text was told to follow.
    """

    main = "perplexity"
    falling = ("loss", "perplexity")

    def __init__(self) -> None:
        super().__init__()
        # Of each record: its loss, its pieces, and those that are right.
        self._sums = array("d")
        self._next = array("b")
        # Of each piece, and of each position: how often it was to be predicted, and the loss.
        self._of_pieces: dict[str, list[float]] = {}
        self._of_positions = numpy.zeros((0, 2))

    def add(self, line: JsonDict, offset: int) -> None:
        super().add(line, offset)
        right = sum(one == other for one, other in zip(line["gold"], line["prediction"]))
        self._sums.extend((math.fsum(line["losses"]), len(line["losses"]), right))
        if "next_sentence" in line:
            self._next.append(line["next_sentence"]["gold"] == line["next_sentence"]["prediction"])
        for piece, loss in zip(line["gold"], line["losses"]):
            counted = self._of_pieces.setdefault(piece, [0, 0.0])
            counted[0] += 1
            counted[1] += loss
        last = max(line["positions"], default=-1)
        if last >= len(self._of_positions):
            grown = numpy.zeros((last + 1, 2))
            grown[: len(self._of_positions)] = self._of_positions
            self._of_positions = grown
        positions = numpy.array(line["positions"], int)
        self._of_positions[positions, 0] += 1
        self._of_positions[positions, 1] += line["losses"]

    def is_correct(self, line: JsonDict) -> Optional[bool]:
        return None

    def length(self, line: JsonDict) -> int:
        return len(line["gold"])

    def scores(self, weights: numpy.ndarray) -> dict[str, float]:
        loss, count, right = weights @ numpy.frombuffer(self._sums).reshape(-1, 3)
        scores = {
            "perplexity": perplexity(loss, count),
            "accuracy": float(right / max(count, 1)),
            "loss": float(loss / max(count, 1)),
        }
        if len(self._next):
            scores["nsp_accuracy"] = mean(numpy.frombuffer(self._next, numpy.int8), weights)
        return scores

    def by_frequency(self) -> list[JsonDict]:
        """Computes the perplexity of pieces by how often they were to be predicted."""
        parts: dict[int, list[float]] = {}
        for count, loss in self._of_pieces.values():
            # 1, 2 to 9, 10 to 99, and so on.
            part = parts.setdefault(0 if count == 1 else len(str(int(count))), [0, 0, 0.0])
            for place, value in enumerate((1, count, loss)):
                part[place] += value
        return [
            {
                "value": "1" if key == 0 else f"{max(2, 10 ** (key - 1))} to {10**key - 1}",
                "different_pieces": int(different),
                "pieces": int(count),
                "perplexity": perplexity(loss, count),
            }
            for key, (different, count, loss) in sorted(parts.items())
        ]

    def by_position(self) -> list[JsonDict]:
        """Computes the perplexity by the position in the text."""
        size = -(-len(self._of_positions) // POSITIONS)
        return [
            {
                "value": f"{begin} to {min(begin + size, len(self._of_positions)) - 1}",
                "pieces": int(count),
                "perplexity": perplexity(loss, count),
            }
            for begin in range(0, len(self._of_positions), max(size, 1))
            for count, loss in [self._of_positions[begin : begin + size].sum(0)]
            if count
        ]

    def describe(self) -> JsonDict:
        return {"frequency": self.by_frequency(), "position": self.by_position()}

    def sections(self, show: Show, found: dict[str, Interval]) -> list[Section]:
        frequency, position = self.by_frequency(), self.by_position()
        rows = [
            [each["value"], each["different_pieces"], each["pieces"], each["perplexity"]]
            for each in frequency
        ]
        header = ["times in the data", "different pieces", "pieces", "perplexity"]
        hardest = sorted(
            (
                (loss / count, piece, count)
                for piece, (count, loss) in self._of_pieces.items()
                if count >= 3
            ),
            reverse=True,
        )[:25]
        table = Table(
            "Hardest pieces, of those that stand there three times",
            ["piece", "times", "loss"],
            [[piece, int(count), loss] for loss, piece, count in hardest],
        )
        names = [each["value"] for each in position]
        values = [each["perplexity"] for each in position]
        picture = bars(
            "position", "Perplexity by position", names, values, "position", "perplexity"
        )
        parts: list[Part] = [Table("By how often a piece is there", header, rows), picture]
        return [Section("Which pieces", [*parts, *([table] if hardest else [])])]

    def text(self, line: JsonDict) -> Text:
        hardest = sorted(zip(line["losses"], line["gold"], line["prediction"]), reverse=True)[:8]
        words = ", ".join(
            f"{gold} (not {given}, {loss:.1f})" if gold != given else f"{gold} ({loss:.1f})"
            for loss, gold, given in hardest
        )
        texts = [
            ("" if key == "text" else key, line[key]) for key in self.text_keys if line.get(key)
        ]
        loss = line["loss"] or 0.0
        return Text(
            f"perplexity {perplexity(loss, 1):.1f}", [*texts, ("hardest", words)], place_of(line)
        )


def perplexity(loss: float, count: float) -> float:
    """Computes the exponential of the mean loss, which a float can hold; 0 of nothing."""
    return math.exp(min(loss / count, MOST_EXPONENT)) if count else 0.0
