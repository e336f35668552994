"""What `allennlp report` makes of pairs of sentences."""

from typing import Any, Sequence

import numpy
from allennlp.common.util import JsonDict
from scipy.special import log_softmax

from bert_classification.evaluation.figures import Figures
from bert_classification.evaluation.labels import LabelFigures
from bert_classification.evaluation.task_lines import Located, TaskLines
from bert_classification.objectives.next_sentence import LABELS


@TaskLines.register("bert_for_next_sentence_prediction")
class NextSentenceLines(TaskLines):
    """`is_next` or `not_next` as `gold` and `prediction`, and the `probs` of both."""

    def texts(self, example: Any) -> JsonDict:
        return {"text": example.text, "text_pair": example.text_pair}

    def answers(self, records: Sequence[Located]) -> list[JsonDict]:
        answers: list[JsonDict] = [{} for _ in records]
        for indices, _, output in self.run(records, ["label"]):
            losses = -log_softmax(output["logits"].double().cpu().numpy(), axis=-1)
            for index, loss, probs in zip(indices, losses, output["probs"].float().tolist()):
                gold, given = records[index].example.label, int(numpy.argmax(probs))
                answers[index] = {
                    "gold": LABELS[gold],
                    "prediction": LABELS[given],
                    "confidence": probs[given],
                    "loss": float(loss[gold]),
                    "probs": dict(zip(LABELS, probs)),
                }
        return answers

    @classmethod
    def figures(cls, line: JsonDict) -> Figures:
        return LabelFigures()
