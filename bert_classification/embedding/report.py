"""What `allennlp report` makes of texts that are compared."""

from array import array
from typing import Any, Optional, Sequence

import numpy
import torch
from allennlp.common.checks import ConfigurationError
from allennlp.common.util import JsonDict, lazy_groups_of
from allennlp.data import Batch
from allennlp.nn.util import move_to_device
from scipy.special import logsumexp

from bert_classification.data.batch_sampler import token_batches
from bert_classification.data.text_field import num_word_pieces
from bert_classification.embedding.retrieval_scores import CUT, RECALLED
from bert_classification.evaluation.bootstrap import Interval
from bert_classification.evaluation.figures import Figures, Show, mean, place_of
from bert_classification.evaluation.numbers import NumberFigures
from bert_classification.evaluation.page import Section, Text
from bert_classification.evaluation.pictures import bars
from bert_classification.evaluation.task_lines import Located, TaskLines

TEXTS_AT_ONCE = 512


@TaskLines.register("bert_for_embedding")
class EmbeddingLines(TaskLines):
    """
    Of the objective `similarity` the label and the cosine as `gold` and `prediction`. Of `ranking`
    the text that belongs to a text, and the one that is found first among those of all records,
    with the `rank` of the right one and the `similarity` of both; the loss is the negative
    log-probability of the right one among all, and their vectors are in memory.
    """

    def check(self, located: Located) -> None:
        if self.reader._objective == "simcse":
            raise ConfigurationError(
                "`dataset_reader.objective` is simcse, whose texts have no gold value; let that of "
                "`validation_dataset_reader` be similarity or ranking."
            )

    def texts(self, example: Any) -> JsonDict:
        return dict(zip(("text", "text_pair"), example.texts))

    def prepare(self, paths: Sequence[str]) -> None:
        if self.reader._objective != "ranking":
            return
        self._pool: dict[str, int] = {}
        parts = [numpy.zeros((0, self.model.bert.config.hidden_size), numpy.float32)]
        texts = (
            text for path in paths for each in self.located(path) for text in each.example.texts[1:]
        )
        for group in lazy_groups_of(texts, TEXTS_AT_ONCE):
            new = [text for text in dict.fromkeys(group) if text not in self._pool]
            self._pool.update({text: len(self._pool) + place for place, text in enumerate(new)})
            if new:
                vectors = self._vectors(new)
                parts = [vectors] if len(parts) == 1 and not len(parts[0]) else [*parts, vectors]
        self._pool_texts = list(self._pool)
        self._pool_vectors = numpy.concatenate(parts)

    def answers(self, records: Sequence[Located]) -> list[JsonDict]:
        if self.reader._objective == "ranking":
            return self._ranked(records)
        answers: list[JsonDict] = [{} for _ in records]
        for indices, _, output in self.run(records, ["label"]):
            for index, cosine in zip(indices, output["similarity"].tolist()):
                gold = records[index].example.label
                told = {"gold": gold, "prediction": cosine, "confidence": None}
                answers[index] = {**told, "loss": (gold - cosine) ** 2}
        return answers

    def _ranked(self, records: Sequence[Located]) -> list[JsonDict]:
        asked = self._vectors([each.example.texts[0] for each in records])
        cosines = asked @ self._pool_vectors.T
        scaled = cosines.astype(float) / self.model._temperature
        totals = logsumexp(scaled, axis=1)
        answers = []
        for row, record in enumerate(records):
            own, first = self._pool[record.example.texts[1]], int(cosines[row].argmax())
            loss = float(totals[row] - scaled[row, own])
            answers.append(
                {
                    "gold": record.example.texts[1],
                    "prediction": self._pool_texts[first],
                    "confidence": float(numpy.exp(scaled[row, first] - totals[row])),
                    "loss": loss,
                    # Of equal cosines the wrong text comes first.
                    "rank": int((cosines[row] >= cosines[row, own]).sum()),
                    "similarity": {
                        "gold": float(cosines[row, own]),
                        "prediction": float(cosines[row, first]),
                    },
                }
            )
        return answers

    def _vectors(self, texts: Sequence[str]) -> numpy.ndarray:
        """Makes the vectors of texts, of length 1, shape `(texts, width)`."""
        examples = [self.reader.parse({"text": text}, "the text", labelled=False) for text in texts]
        instances = self.reader.to_instances(examples)
        vectors: list[Any] = [None] * len(texts)
        for indices in token_batches(
            [num_word_pieces(each) for each in instances], self.predictor._token_budget
        ):
            batch = Batch([instances[index] for index in indices])
            batch.index_instances(self.model.vocab)
            tensors = move_to_device(batch.as_tensor_dict(), self.predictor.cuda_device)
            with torch.inference_mode():
                rows = torch.nn.functional.normalize(self.model(**tensors)["embedding"], dim=-1)
            for index, row in zip(indices, rows.float().cpu().numpy()):
                vectors[index] = row
        return numpy.stack(vectors)

    @classmethod
    def figures(cls, line: JsonDict) -> Figures:
        return RetrievalFigures() if "rank" in line else NumberFigures()


class RetrievalFigures(Figures):
    """Mean reciprocal rank, NDCG and recall, as `retrieval_scores` has them."""

    main = f"mrr@{CUT}"

    def __init__(self) -> None:
        super().__init__()
        self._ranks = array("l")

    def add(self, line: JsonDict, offset: int) -> None:
        super().add(line, offset)
        self._ranks.append(line["rank"])

    def is_correct(self, line: JsonDict) -> Optional[bool]:
        return line["rank"] == 1

    def scores(self, weights: numpy.ndarray) -> dict[str, float]:
        ranks = numpy.frombuffer(self._ranks, numpy.int64)
        found = ranks <= CUT
        return {
            f"mrr@{CUT}": mean(found / ranks, weights),
            f"ndcg@{CUT}": mean(found / numpy.log2(1 + ranks), weights),
            **{f"recall@{count}": mean(ranks <= count, weights) for count in RECALLED},
            "loss": mean(self.losses, weights),
        }

    def _parts(self) -> dict[str, int]:
        ranks = numpy.frombuffer(self._ranks, numpy.int64)
        ends = {"1": (1, 1), "2 to 5": (2, 5), "6 to 10": (6, 10), "11 to 100": (11, 100)}
        parts = {name: int(((ranks >= a) & (ranks <= b)).sum()) for name, (a, b) in ends.items()}
        return {**parts, "beyond": int((ranks > 100).sum())}

    def describe(self) -> JsonDict:
        return {"ranks": self._parts()}

    def sections(self, show: Show, found: dict[str, Interval]) -> list[Section]:
        parts = self._parts()
        picture = bars(
            "ranks", "Rank of the right text", list(parts), list(parts.values()), "rank", "records"
        )
        return [Section("Where the right text is found", [picture])]

    def text(self, line: JsonDict) -> Text:
        cosines = line["similarity"]
        return Text(
            f"rank {line['rank']}",
            [
                ("", line["text"]),
                (f"right, {cosines['gold']:.3f}", line["gold"]),
                (f"found first, {cosines['prediction']:.3f}", line["prediction"]),
            ],
            place_of(line),
        )
