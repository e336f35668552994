"""What `allennlp report` makes of questions with choices."""

from array import array
from typing import Any, Optional, Sequence

import numpy
from allennlp.common.util import JsonDict
from scipy.special import log_softmax

from bert_classification.evaluation.bootstrap import Interval
from bert_classification.evaluation.calibration import reliability, reliability_section
from bert_classification.evaluation.figures import Figures, Show, mean, place_of, sure
from bert_classification.evaluation.page import Section, Table, Text
from bert_classification.evaluation.task_lines import Located, TaskLines


@TaskLines.register("bert_for_multiple_choice")
class MultipleChoiceLines(TaskLines):
    """The index of a choice as `gold` and `prediction`, the `choices` and their `probs`."""

    def texts(self, example: Any) -> JsonDict:
        return {"prompt": example.prompt, "choices": example.choices}

    def answers(self, records: Sequence[Located]) -> list[JsonDict]:
        answers: list[JsonDict] = [{} for _ in records]
        for indices, _, output in self.run(records, ["label"]):
            logits = output["logits"].double().cpu().numpy()
            for row, index in enumerate(indices):
                example = records[index].example
                count = len(example.choices)
                probs = output["probs"][row, :count].float().tolist()
                given = int(numpy.argmax(probs))
                loss = -log_softmax(logits[row, :count])[example.label]
                answers[index] = {
                    "gold": example.label,
                    "prediction": given,
                    "confidence": probs[given],
                    "loss": float(loss),
                    "probs": probs,
                }
        return answers

    @classmethod
    def figures(cls, line: JsonDict) -> Figures:
        return ChoiceFigures()


class ChoiceFigures(Figures):
    """Accuracy and mean reciprocal rank, by the number of choices and the right one's position."""

    text_keys = ("prompt",)

    def __init__(self) -> None:
        super().__init__()
        self._counts, self._gold, self._given = array("l"), array("l"), array("l")
        self._reciprocal_ranks = array("d")

    def add(self, line: JsonDict, offset: int) -> None:
        super().add(line, offset)
        probs, gold = line["probs"], line["gold"]
        self._counts.append(len(probs))
        self._gold.append(gold)
        self._given.append(line["prediction"])
        # Of equal chances the wrong choice comes first.
        self._reciprocal_ranks.append(1 / sum(prob >= probs[gold] for prob in probs))

    def scores(self, weights: numpy.ndarray) -> dict[str, float]:
        ranks = numpy.frombuffer(self._reciprocal_ranks)
        return {**super().scores(weights), "mrr": mean(ranks, weights)}

    def _by(self, values: array) -> list[JsonDict]:
        column = numpy.frombuffer(values, numpy.int64)
        given = numpy.frombuffer(self._given, numpy.int64)
        return [
            {
                "value": value,
                "records": int((column == value).sum()),
                "chosen": int((given == value).sum()),
                "accuracy": float(self.correct[column == value].mean()),
            }
            for value in numpy.unique(column).tolist()
        ]

    def describe(self) -> JsonDict:
        counts = [
            {key: each[key] for key in ("value", "records", "accuracy")}
            for each in self._by(self._counts)
        ]
        return {
            "number_of_choices": counts,
            "position": self._by(self._gold),
            "calibration": reliability(self.confidences, self.correct),
        }

    def sections(self, show: Show, found: dict[str, Interval]) -> list[Section]:
        by_count = Table(
            "By the number of choices",
            ["choices", "records", "accuracy"],
            [
                [str(each["value"]), each["records"], each["accuracy"]]
                for each in self._by(self._counts)
            ],
        )
        by_place = Table(
            "By the position of the right choice",
            ["position", "records", "times chosen", "accuracy"],
            [
                [str(each["value"]), each["records"], each["chosen"], each["accuracy"]]
                for each in self._by(self._gold)
            ],
            "A position that is chosen more often than it is right is one the model prefers.",
        )
        return [
            Section("Choices", [by_count, by_place]),
            reliability_section(reliability(self.confidences, self.correct)),
        ]

    def is_correct(self, line: JsonDict) -> Optional[bool]:
        return line["gold"] == line["prediction"]

    def text(self, line: JsonDict) -> Text:
        def word(index: int) -> str:
            return f"{line['choices'][index]} ({line['probs'][index]:.0%})"

        others = [
            word(i)
            for i in range(len(line["choices"]))
            if i not in (line["gold"], line["prediction"])
        ]
        lines = [
            ("", line["prompt"]),
            ("right", word(line["gold"])),
            ("chosen", word(line["prediction"])),
        ]
        if line["gold"] == line["prediction"]:
            del lines[2]
        return Text(
            f"{line['choices'][line['prediction']]} chosen{sure(line)}",
            [*lines, *([("others", "; ".join(others))] if others else [])],
            place_of(line),
        )
