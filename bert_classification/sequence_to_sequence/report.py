"""What `allennlp report` makes of texts and what is written of them."""

import math
from array import array
from importlib.util import find_spec
from typing import Any, Optional, Sequence

import numpy
from allennlp.common.util import JsonDict

from bert_classification.evaluation.bootstrap import Interval
from bert_classification.evaluation.figures import Figures, Show, mean, place_of
from bert_classification.evaluation.page import Section, Table, Text
from bert_classification.evaluation.pictures import ACCENT, draw
from bert_classification.evaluation.slices import of_numbers, slice_scores
from bert_classification.evaluation.task_lines import Located, TaskLines

HAS_SCORERS = all(find_spec(name) for name in ("rouge_score", "sacrebleu"))
MOST_EXPONENT = 700.0


@TaskLines.register("bert_for_sequence_to_sequence")
class SequenceToSequenceLines(TaskLines):
    """
    The target as `gold`, and what `allennlp predict` writes as `prediction`; `pieces`, those of the
    target. The loss is the mean over these, the confidence the probability of what was written.
    """

    def texts(self, example: Any) -> JsonDict:
        return {"source": example.source}

    def answers(self, records: Sequence[Located]) -> list[JsonDict]:
        targets = [each.example.target for each in records]
        asked = [
            self.reader.parse({"source": each.example.source}, "the record", labelled=False)
            for each in records
        ]
        scored = [each._replace(target=target) for each, target in zip(asked, targets)]
        given = self.reader.to_instances(scored)
        pieces = [len(each["request"].metadata.target) for each in given]  # type: ignore[attr-defined]
        of_targets = self.predictor.predict_batch_instance(given)
        written = self.predictor.predict_batch_instance(self.reader.to_instances(asked))
        return [
            {
                "gold": target,
                "prediction": each["text"],
                "confidence": math.exp(each["logprob"]),
                "loss": -right["logprob"] / count,
                "pieces": count,
            }
            for target, each, right, count in zip(targets, written, of_targets, pieces)
        ]

    @classmethod
    def figures(cls, line: JsonDict) -> Figures:
        return WrittenFigures()


class WrittenFigures(Figures):
    """BLEU and ROUGE-L, where their packages are installed, exact match, perplexity, lengths."""

    main = "rouge_l" if HAS_SCORERS else "exact_match"
    falling = ("loss", "perplexity")
    text_keys = ("source",)

    def __init__(self) -> None:
        super().__init__()
        self._pieces, self._rouge = array("l"), array("d")
        # Of each record what BLEU is computed of: n-grams that are right, n-grams, lengths.
        self._bleu = array("d")
        self._words = array("l")
        if HAS_SCORERS:
            from rouge_score.rouge_scorer import RougeScorer
            from sacrebleu.metrics import BLEU

            self._scorer, self._counter = RougeScorer(["rougeL"], use_stemmer=True), BLEU()

    def add(self, line: JsonDict, offset: int) -> None:
        super().add(line, offset)
        gold, written = line["gold"], line["prediction"]
        self._pieces.append(line["pieces"])
        self._words.extend((len(gold.split()), len(written.split())))
        if HAS_SCORERS:
            self._rouge.append(self._scorer.score(gold, written)["rougeL"].fmeasure)
            counted = self._counter.corpus_score([written], [[gold]])
            self._bleu.extend((*counted.counts, *counted.totals, counted.sys_len, counted.ref_len))

    def scores(self, weights: numpy.ndarray) -> dict[str, float]:
        pieces = numpy.frombuffer(self._pieces, numpy.int64)
        loss, count = float(weights @ (self.losses * pieces)), float(weights @ pieces)
        mean_loss = loss / count if count else 0.0
        gold, written = weights @ numpy.frombuffer(self._words, numpy.int64).reshape(-1, 2)
        scores = {}
        if HAS_SCORERS:
            scores["rouge_l"] = mean(numpy.frombuffer(self._rouge), weights)
            scores["bleu"] = self._bleu_of(weights)
        return {
            **scores,
            "exact_match": mean(self.correct, weights),
            "perplexity": math.exp(min(mean_loss, MOST_EXPONENT)),
            "loss": mean_loss,
            "length_ratio": float(written) / max(float(gold), 1.0),
        }

    def _bleu_of(self, weights: numpy.ndarray) -> float:
        from sacrebleu.metrics import BLEU

        sums = [
            int(each) for each in (weights @ numpy.frombuffer(self._bleu).reshape(-1, 10)).round()
        ]
        return BLEU.compute_bleu(sums[:4], sums[4:8], sums[8], sums[9]).score

    def _ratios(self) -> numpy.ndarray:
        gold, written = numpy.frombuffer(self._words, numpy.int64).reshape(-1, 2).T
        return written / numpy.maximum(gold, 1)

    def describe(self) -> JsonDict:
        words = numpy.frombuffer(self._words, numpy.int64).reshape(-1, 2)
        return {"target_length": slice_scores(self, of_numbers(words[:, 0].astype(float)))}

    def sections(self, show: Show, found: dict[str, Interval]) -> list[Section]:
        ratios = self._ratios()

        def histogram(axes: Any) -> None:
            axes.hist(ratios.clip(max=3), bins=30, color=ACCENT)
            axes.set(xlabel="words written for each of the target", ylabel="records")

        parts = self.describe()["target_length"]
        names = [name for name in parts[0]["scores"]]
        table = Table(
            "By the words of the target",
            ["words", "records", *names],
            [[part["value"], part["records"], *part["scores"].values()] for part in parts],
        )
        return [Section("How long", [draw("length-ratio", "Lengths", histogram), table])]

    def is_correct(self, line: JsonDict) -> Optional[bool]:
        return line["prediction"] == line["gold"]

    def text(self, line: JsonDict) -> Text:
        texts = [("", line["source"]), ("target", line["gold"]), ("written", line["prediction"])]
        return Text(f"loss {line['loss']:.2f} a piece", texts, place_of(line))
