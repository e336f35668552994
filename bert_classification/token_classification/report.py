"""What `allennlp report` makes of spans in texts."""

from array import array
from collections import defaultdict
from importlib.util import find_spec
from typing import Any, Optional, Sequence

import numpy
import torch
from allennlp.common.util import JsonDict
from seqeval.metrics.sequence_labeling import get_entities
from seqeval.scheme import IOB2, Entities

from bert_classification.evaluation.bootstrap import Interval
from bert_classification.evaluation.figures import Figures, Show, place_of, sure
from bert_classification.evaluation.labels import MAX_TEXTS, label_scores, label_table
from bert_classification.evaluation.page import Cell, Section, Table, Text, Texts, marked
from bert_classification.evaluation.task_lines import Located, TaskLines, check_known
from bert_classification.token_classification.entities import find_entities

KINDS = ("boundary", "type", "both", "missed", "spurious")
"""
How a span is wrong: its ends, its type, or both, where a gold one overlaps it; a gold span that
none overlaps; a span that overlaps no gold one.
"""
TEXTS_AT_ONCE = 500

Span = tuple[str, int, int]


@TaskLines.register("bert_for_token_classification")
class TokenClassificationLines(TaskLines):
    """
    Tags in IOB2 as `gold` and `prediction`, one for each of the `tokens`, and the spans they stand
    for as `gold_entities` and `entities`. The loss is the mean over the words, the confidence the
    lowest of the probabilities of their tags.
    """

    def check(self, located: Located) -> None:
        tags = self.model.vocab.get_token_to_index_vocabulary(self.reader._label_namespace)
        check_known(located.example.tags, list(tags), "tags", located)

    def texts(self, example: Any) -> JsonDict:
        return {"text": example.words.text, "tokens": example.words.tokens}

    def answers(self, records: Sequence[Located]) -> list[JsonDict]:
        answers: list[JsonDict] = [{} for _ in records]
        index_of = self.model.vocab.get_token_to_index_vocabulary(self.reader._label_namespace)
        for indices, _, output in self.run(records, ["tags"]):
            probs = output["probs"]
            readable = self.model.make_output_human_readable(output)
            for row, index in enumerate(indices):
                example = records[index].example
                gold = torch.tensor([index_of[tag] for tag in example.tags], device=probs.device)
                words = probs[row, : len(gold)].double()
                right = words.gather(1, gold.unsqueeze(1)).clamp(min=1e-45)
                answers[index] = {
                    "gold": example.tags,
                    "prediction": readable["tags"][row],
                    "confidence": float(words.amax(1).min()),
                    "loss": float(-right.log().mean()),
                    "gold_entities": find_entities(example.words, example.tags, [1.0] * len(gold)),
                    "entities": readable["entities"][row],
                }
        return answers

    @classmethod
    def figures(cls, line: JsonDict) -> Figures:
        return SpanFigures()


class SpanFigures(Figures):
    """Precision, recall and F1 as seqeval has them, kinds of errors, and nervaluate's scores."""

    main = "f1"
    text_keys = ("text",)

    def __init__(self) -> None:
        super().__init__()
        self._types: dict[str, int] = {}
        # Of each span that is gold, given, or both: its record, and its type.
        self._spans = {kind: (array("l"), array("l")) for kind in ("gold", "given", "both")}
        self._strict = array("l")
        self._words = array("l")
        self._errors: dict[tuple[str, str], list[int]] = defaultdict(list)
        self._taken: dict[tuple[str, str], int] = defaultdict(int)
        self._waiting: tuple[list, list] = ([], [])
        self._muc: dict[str, numpy.ndarray] = {}

    def add(self, line: JsonDict, offset: int) -> None:
        record = len(self)
        super().add(line, offset)
        gold, given = (sorted(set(get_entities(line[key]))) for key in ("gold", "prediction"))
        both = sorted(set(gold) & set(given))
        for kind, spans in (("gold", gold), ("given", given), ("both", both)):
            for type_, _, _ in spans:
                self._spans[kind][0].append(record)
                self._spans[kind][1].append(self._types.setdefault(type_, len(self._types)))
        strict_gold, strict_given = (_strict(line[key]) for key in ("gold", "prediction"))
        self._strict.extend((len(strict_gold & strict_given), len(strict_given), len(strict_gold)))
        right = sum(one == other for one, other in zip(line["gold"], line["prediction"]))
        self._words.extend((right, len(line["gold"])))
        for kind, type_, given_type in wrong_spans(gold, given):
            self._errors[kind, type_].append(record)
            if kind in ("type", "both"):
                self._taken[type_, given_type] += 1
        self._wait(line)

    def _wait(self, line: JsonDict) -> None:
        for texts, key in zip(self._waiting, ("gold", "prediction")):
            texts.append(line[key])
        if len(self._waiting[0]) >= TEXTS_AT_ONCE:
            self._evaluate()

    def _evaluate(self) -> None:
        """Lets nervaluate count the spans of the texts that wait."""
        gold, given = self._waiting
        self._waiting = ([], [])
        if not gold or find_spec("nervaluate") is None:
            return
        from nervaluate import Evaluator

        types = sorted({tag[2:] for tags in (*gold, *given) for tag in tags if tag != "O"})
        overall = Evaluator(gold, given, tags=types, loader="list").evaluate()["overall"]
        for scheme, result in overall.items():
            counts = [getattr(result, key) for key in MUC]
            self._muc[scheme] = self._muc.get(scheme, 0) + numpy.array(counts)

    def is_correct(self, line: JsonDict) -> Optional[bool]:
        return set(get_entities(line["gold"])) == set(get_entities(line["prediction"]))

    @property
    def names(self) -> list[str]:
        return list(self._types)

    def _counts(self, weights: numpy.ndarray) -> list[numpy.ndarray]:
        counts = []
        for kind in ("gold", "given", "both"):
            records, types = (numpy.array(each, numpy.int64) for each in self._spans[kind])
            counts.append(numpy.bincount(types, weights[records], len(self._types)))
        return counts

    def scores(self, weights: numpy.ndarray) -> dict[str, float]:
        gold, given, both = self._counts(weights)
        strict = weights @ numpy.frombuffer(self._strict, numpy.int64).reshape(-1, 3)
        right, words = weights @ numpy.frombuffer(self._words, numpy.int64).reshape(-1, 2)
        each = label_scores(self.names, gold, given, both) if self.names else {"macro_f1": 0.0}
        return {
            "f1": float(2 * both.sum() / max((gold + given).sum(), 1e-300)),
            "precision": float(both.sum() / max(given.sum(), 1e-300)),
            "recall": float(both.sum() / max(gold.sum(), 1e-300)),
            "strict_f1": float(2 * strict[0] / max(strict[1] + strict[2], 1e-300)),
            "accuracy": float(right / max(words, 1e-300)),
            "loss": float(weights @ self.losses / max(weights.sum(), 1e-300)),
            **each,
        }

    def describe(self) -> JsonDict:
        self._evaluate()
        kinds = {kind: self._kind(kind) for kind in KINDS}
        described = {
            "types": self.names,
            "support": self._counts(numpy.ones(len(self)))[0].astype(int).tolist(),
            "errors": kinds,
            "taken_for": [
                {"gold": gold, "prediction": given, "spans": count}
                for (gold, given), count in sorted(self._taken.items())
            ],
        }
        if self._muc:
            described["nervaluate"] = {
                scheme: muc_scores(scheme, c) for scheme, c in self._muc.items()
            }
        return described

    def _kind(self, kind: str) -> dict[str, int]:
        return {name: len(self._errors.get((kind, name), ())) for name in self.names}

    def sections(self, show: Show, found: dict[str, Interval]) -> list[Section]:
        support = self._counts(numpy.ones(len(self)))[0].astype(int).tolist()
        order = sorted(self.names, key=lambda name: -support[self._types[name]])
        rows = [[name, *(self._cell(kind, name) for kind in KINDS)] for name in order]
        note = (
            "Boundary: the right type, other ends. Type: the right ends, another type. Both: it "
            "overlaps, and ends and type are others. Missed: nothing was found there. Spurious: "
            "there is nothing. A number leads to its texts."
        )
        led = [
            self._texts_of(show, kind, name)
            for name in order
            for kind in KINDS
            if self._errors.get((kind, name))
        ]
        table = Table("Kinds of errors by type", ["type", *KINDS], rows, note)
        taken = sorted(self._taken.items(), key=lambda each: -each[1])[:20]
        types = Table(
            "Types taken for others",
            ["type", "taken for", "spans"],
            [[gold, given, count] for (gold, given), count in taken],
        )
        of_each = [label_table(found, self.names, support, "spans")] if self.names else []
        sections = [
            Section("How spans are wrong", [table, *([types] if taken else []), *led]),
            Section("Types", of_each),
        ]
        if self._muc:
            sections.append(Section("How much overlap counts", [self._muc_table()]))
        return sections

    def _muc_table(self) -> Table:
        rows = [
            [scheme, *(muc_scores(scheme, counts)[key] for key in ("precision", "recall", "f1"))]
            for scheme, counts in self._muc.items()
        ]
        note = (
            "Strict: ends and type. Exact: ends. Ent_type: type, if any overlaps. Partial: overlap."
        )
        return Table("As nervaluate counts", ["", "precision", "recall", "F1"], rows, note)

    def _cell(self, kind: str, name: str) -> Any:
        count = len(self._errors.get((kind, name), ()))
        most = max(map(len, self._errors.values()))
        return (
            Cell(str(count), f"#{kind}-{self._types[name]}" if count else None, count / most)
            if count
            else 0
        )

    def _texts_of(self, show: Show, kind: str, name: str) -> Texts:
        places = list(dict.fromkeys(self._errors[kind, name]))
        places.sort(key=lambda place: -self._losses[place])
        caption = f"{name}, {kind}: {len(self._errors[kind, name])} spans in {len(places)} texts"
        note = "Those of the highest loss." if len(places) > MAX_TEXTS else ""
        return Texts(caption, show(places[:MAX_TEXTS]), f"{kind}-{self._types[name]}", note)

    def text(self, line: JsonDict) -> Text:
        gold = {(each["start"], each["end"], each["type"]) for each in line["gold_entities"]}
        given = {(each["start"], each["end"], each["type"]) for each in line["entities"]}
        found = [(*span[:2], "good" if span in gold else "bad", span[2]) for span in sorted(given)]
        expected = [
            (*span[:2], "good" if span in given else "gold", span[2]) for span in sorted(gold)
        ]
        wrong = len(given - gold) + len(gold - given)
        return Text(
            f"{wrong} spans differ{sure(line)}",
            [("gold", marked(line["text"], expected)), ("found", marked(line["text"], found))],
            place_of(line),
        )


MUC = ("correct", "incorrect", "partial", "missed", "spurious")


def muc_scores(scheme: str, counts: numpy.ndarray) -> dict[str, float]:
    """Computes nervaluate's scores of its counts; in two schemes a part counts half."""
    correct, incorrect, partial, missed, spurious = (int(count) for count in counts)
    good = correct + 0.5 * partial if scheme in ("partial", "ent_type") else correct
    actual, possible = (
        correct + incorrect + partial + spurious,
        correct + incorrect + partial + missed,
    )
    precision, recall = good / max(actual, 1), good / max(possible, 1)
    f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
    counted = dict(zip(MUC, (correct, incorrect, partial, missed, spurious)))
    return {**counted, "precision": precision, "recall": recall, "f1": f1}


def wrong_spans(gold: Sequence[Span], given: Sequence[Span]) -> list[tuple[str, str, str]]:
    """
    Tells of each span that is wrong its kind (see `KINDS`), its type, and the type it was given. A
    gold span is paired with the one that overlaps it most; each span is counted once.
    """
    right = set(gold) & set(given)
    open_gold = [span for span in gold if span not in right]
    open_given = [span for span in given if span not in right]
    pairs = sorted(
        (
            (-_overlap(one, other), one[0] != other[0], one, other)
            for one in open_gold
            for other in open_given
            if _overlap(one, other)
        ),
    )
    found, paired = [], set()
    for _, _, one, other in pairs:
        if ("gold", one) in paired or ("given", other) in paired:
            continue
        paired |= {("gold", one), ("given", other)}
        same_ends, same_type = one[1:] == other[1:], one[0] == other[0]
        kind = "boundary" if same_type else "type" if same_ends else "both"
        found.append((kind, one[0], other[0]))
    found += [("missed", span[0], "") for span in open_gold if ("gold", span) not in paired]
    found += [
        ("spurious", span[0], span[0]) for span in open_given if ("given", span) not in paired
    ]
    return found


def _overlap(one: Span, other: Span) -> int:
    return max(0, min(one[2], other[2]) - max(one[1], other[1]) + 1)


def _strict(tags: Sequence[str]) -> set:
    return {entity for entities in Entities([list(tags)], IOB2).entities for entity in entities}
