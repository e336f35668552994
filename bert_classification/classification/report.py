"""What `allennlp report` makes of records with labels."""

from typing import Any, Sequence

import numpy
from allennlp.common.util import JsonDict
from scipy.special import logsumexp

from bert_classification.classification.objectives import MultiLabel, Regression
from bert_classification.evaluation.figures import Figures
from bert_classification.evaluation.labels import LabelFigures
from bert_classification.evaluation.many_labels import ManyLabelFigures
from bert_classification.evaluation.numbers import NumberFigures
from bert_classification.evaluation.task_lines import Located, TaskLines, check_known


@TaskLines.register("bert_for_classification")
class ClassificationLines(TaskLines):
    """
    One label, a list of labels or a number as `gold` and `prediction`. The loss of a label is its
    negative log-probability, of labels the sum over all of them, of a number the square of the
    distance; weights of labels play no part.
    """

    def check(self, located: Located) -> None:
        label = located.example.label
        if not isinstance(label, float):
            labels = [label] if isinstance(label, str) else label
            check_known(labels, self.model.objective.names, "label", located)

    def texts(self, example: Any) -> JsonDict:
        pair = {} if example.text_pair is None else {"text_pair": example.text_pair}
        return {"text": example.text, **pair}

    def answers(self, records: Sequence[Located]) -> list[JsonDict]:
        answers: list[JsonDict] = [{} for _ in records]
        for indices, _, output in self.run(records, ["label"]):
            logits = output["logits"].double().cpu().numpy()
            readable = self.model.make_output_human_readable(output)
            rows = {key: readable[key] for key in ("label", "labels") if key in readable}
            for key in ("probs", "score"):
                if key in readable:
                    rows[key] = readable[key].float().cpu().tolist()
            for row, index in enumerate(indices):
                each = {key: values[row] for key, values in rows.items()}
                answers[index] = self._answer_of(records[index].example.label, logits[row], each)
        return answers

    def _answer_of(self, gold: Any, logits: numpy.ndarray, output: JsonDict) -> JsonDict:
        objective = self.model.objective
        if isinstance(objective, Regression):
            score = output["score"]
            return {
                "gold": gold,
                "prediction": score,
                "confidence": None,
                "loss": (score - gold) ** 2,
            }
        probs = dict(zip(objective.names, output["probs"]))
        if isinstance(objective, MultiLabel):
            given = output["labels"]
            signs = numpy.array([1.0 if name in gold else -1.0 for name in probs])
            sure = numpy.prod([prob if name in given else 1 - prob for name, prob in probs.items()])
            loss = float(numpy.logaddexp(0, -signs * logits).sum())
            return {
                "gold": gold,
                "prediction": given,
                "confidence": float(sure),
                "loss": loss,
                "probs": probs,
            }
        label = output["label"]
        loss = float(logsumexp(logits) - logits[list(probs).index(gold)])
        return {
            "gold": gold,
            "prediction": label,
            "confidence": probs[label],
            "loss": loss,
            "probs": probs,
        }

    @classmethod
    def figures(cls, line: JsonDict) -> Figures:
        if isinstance(line["gold"], list):
            return ManyLabelFigures()
        return LabelFigures() if isinstance(line["gold"], str) else NumberFigures()
