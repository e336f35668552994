"""What `allennlp report` makes of questions about contexts."""

import re
from array import array
from typing import Any, Optional, Sequence

import numpy
from allennlp.common.util import JsonDict
from allennlp_models.rc.tools.squad import get_metric_score, normalize_answer

from bert_classification.evaluation.bootstrap import Interval
from bert_classification.evaluation.figures import Figures, Show, mean, place_of, sure
from bert_classification.evaluation.labels import thinned
from bert_classification.evaluation.page import Section, Table, Text, marked
from bert_classification.evaluation.pictures import curves
from bert_classification.evaluation.slices import Slices, slice_scores
from bert_classification.evaluation.task_lines import Located, TaskLines
from bert_classification.question_answering.spans import span_loss
from bert_classification.question_answering.squad_scores import best_threshold

GOLD = ("start_positions", "end_positions", "answers")
WORDS = ("who", "whom", "whose", "what", "which", "when", "where", "why", "how")
AROUND = 200
"""Characters of a context that a page shows before and after an answer."""


@TaskLines.register("bert_for_question_answering")
class QuestionAnsweringLines(TaskLines):
    """
    The texts of the gold answers as `gold`, none for an impossible question; the answer given as
    `prediction`, empty for none, with `best_answer`, which would be given if no answer was none,
    `null_score_diff`, and the number of `windows` of the context.
    """

    def texts(self, example: Any) -> JsonDict:
        return {"question": example.question, "context": example.context}

    def answers(self, records: Sequence[Located]) -> list[JsonDict]:
        answers: list[JsonDict] = [{} for _ in records]
        for indices, gold, output in self.run(records, GOLD):
            logits = output["start_logits"].double(), output["end_logits"].double()
            tensors: Any = (*logits, *(gold[key] for key in GOLD[:2]))
            windows = (tensors[2] >= 0).sum(1).tolist()
            losses = [
                span_loss(*(each[[row], :count] for each in tensors)).item()
                for row, count in enumerate(windows)
            ]
            readable = self.model.make_output_human_readable(output)
            for row, index in enumerate(indices):
                best = [each for each in readable["n_best"][row] if each["answer"]]
                answers[index] = {
                    "gold": [answer.text for answer in records[index].example.answers],
                    "prediction": readable["answer"][row],
                    "confidence": readable["score"][row],
                    "loss": losses[row],
                    "start": readable["start"][row],
                    "end": readable["end"][row],
                    "best_answer": best[0]["answer"] if best else "",
                    "null_score_diff": readable["null_score_diff"][row],
                    "windows": windows[row],
                }
        return answers

    @classmethod
    def figures(cls, line: JsonDict) -> Figures:
        return AnswerFigures()


class AnswerFigures(Figures):
    """Exact match and F1 in percent, as SQuAD's official evaluation has them."""

    main = "f1"
    text_keys = ("question", "context")

    def __init__(self) -> None:
        super().__init__()
        # Of each question: whether it has an answer; EM and F1 of the answer, and of the best.
        self._rows = array("d")
        self._words, self._windows = Slices("word"), Slices("windows")
        self._lengths_of_gold = Slices("answer")

    def add(self, line: JsonDict, offset: int) -> None:
        known = [text for text in line["gold"] if normalize_answer(text)] or [""]
        given = get_metric_score(line["prediction"], known)
        best = given
        if line["best_answer"] != line["prediction"]:
            best = get_metric_score(line["best_answer"], known)
        self._rows.extend((bool(line["gold"]), *given, *best, line["null_score_diff"]))
        super().add(line, offset)
        self._words.add({"word": question_word(line["question"])})
        self._windows.add({"windows": line["windows"]})
        words = len(line["gold"][0].split()) if line["gold"] else None
        self._lengths_of_gold.add({"answer": words})

    def is_correct(self, line: JsonDict) -> Optional[bool]:
        return bool(self._rows[-5])

    @property
    def rows(self) -> numpy.ndarray:
        return numpy.frombuffer(self._rows).reshape(-1, 6)

    def scores(self, weights: numpy.ndarray) -> dict[str, float]:
        has, em, f1 = self.rows[:, 0], self.rows[:, 1], self.rows[:, 2]
        scores = {"em": 100 * mean(em, weights), "f1": 100 * mean(f1, weights)}
        if not has.all():
            for name, part in (("has_answer", has), ("no_answer", 1 - has)):
                scores[f"{name}_em"] = 100 * mean(em, weights * part)
                scores[f"{name}_f1"] = 100 * mean(f1, weights * part)
        return {**scores, "loss": mean(self.losses, weights)}

    def null_curve(self) -> Optional[JsonDict]:
        """Computes EM and F1 that each threshold for no answer would give."""
        has = self.rows[:, 0].astype(bool)
        if has.all():
            return None
        diffs = self.rows[:, 5]
        order = diffs.argsort(kind="stable")
        points: JsonDict = {"threshold": diffs[order].tolist()}
        for column, name in ((3, "em"), (4, "f1")):
            gains = numpy.where(has, self.rows[:, column], -1.0)[order]
            points[name] = (100 * ((~has).sum() + gains.cumsum()) / len(has)).tolist()
            best, threshold = best_threshold(self.rows[:, column], diffs, has)
            points[f"best_{name}"], points[f"best_{name}_threshold"] = best, threshold
        return points

    def _parts(self) -> dict[str, list[JsonDict]]:
        named = {
            "question_word": self._words,
            "windows": self._windows,
            "answer_length": self._lengths_of_gold,
        }
        return {name: slice_scores(self, each.parts()) for name, each in named.items()}

    def describe(self) -> JsonDict:
        curve = self.null_curve()
        kept = curve and {key: value for key, value in curve.items() if key.startswith("best")}
        return {**self._parts(), **({"null_threshold": kept} if kept else {})}

    def sections(self, show: Show, found: dict[str, Interval]) -> list[Section]:
        titles = {
            "question_word": "By the word that asks",
            "windows": "By the windows that the context takes",
            "answer_length": "By the words of the answer",
        }
        tables = [
            Table(
                titles[name],
                [name.replace("_", " "), "questions", "EM", "F1"],
                [
                    [part["value"], part["records"], part["scores"]["em"], part["scores"]["f1"]]
                    for part in parts
                ],
            )
            for name, parts in self._parts().items()
        ]
        sections = [Section("Which questions", tables)]
        curve = self.null_curve()
        if curve:
            x, em, f1 = thinned(*(numpy.array(curve[key]) for key in ("threshold", "em", "f1")))
            title = f"Threshold for no answer; F1 is best at {curve['best_f1_threshold']:.2f}"
            lines = [("EM", x, em), ("F1", x, f1)]
            sections.append(
                Section(
                    "No answer", [curves("null-threshold", title, lines, "null_score_diff", "%")]
                )
            )
        return sections

    def text(self, line: JsonDict) -> Text:
        context, start, end = line["context"], line["start"], line["end"]
        shown = [(start, end, "good" if self._is_gold(line) else "bad", "given")] if end else []
        place = context.find(line["gold"][0]) if line["gold"] else -1
        if place >= 0 and not self._is_gold(line):
            shown.append((place, place + len(line["gold"][0]), "gold", "gold"))
        first = max(0, min((each[0] for each in shown), default=0) - AROUND)
        last = max((each[1] for each in shown), default=AROUND) + AROUND
        part = marked(context[first:last], [(a - first, b - first, *rest) for a, b, *rest in shown])
        gold = " / ".join(dict.fromkeys(line["gold"])) or "no answer"
        return Text(
            f"{line['prediction'] or 'no answer'}{sure(line)}",
            [("question", line["question"]), ("gold", gold), ("context", part)],
            place_of(line),
        )

    def _is_gold(self, line: JsonDict) -> bool:
        return any(
            normalize_answer(text) == normalize_answer(line["prediction"]) for text in line["gold"]
        )


def question_word(question: str) -> str:
    """Finds the word that asks: the first of `WORDS`, with the word after `how`."""
    found = re.findall(r"\w+", question.lower())
    for place, word in enumerate(found):
        if word in WORDS:
            following = found[place + 1] if place + 1 < len(found) else ""
            return (
                f"how {following}"
                if word == "how" and following in ("many", "much", "long", "old")
                else word
            )
    return "other"
