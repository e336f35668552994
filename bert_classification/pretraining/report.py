"""What `allennlp report` makes of pairs of segments with masks."""

from typing import Any, Iterator, Sequence

import torch
from allennlp.common.util import JsonDict

from bert_classification.bert.encoder import encode_field
from bert_classification.data.label_field import IGNORE_INDEX
from bert_classification.evaluation.figures import Figures
from bert_classification.evaluation.pieces import (
    PieceFigures,
    located_examples,
    piece_answers,
    predict_pieces,
)
from bert_classification.evaluation.task_lines import Located, TaskLines
from bert_classification.objectives.next_sentence import LABELS


@TaskLines.register("bert_for_pretraining")
class PreTrainingLines(TaskLines):
    """
    The pieces that were masked as `gold`, and the best piece for each as `prediction`; their
    `positions` and `losses`; and of the `next_sentence` `gold`, `prediction` and `probs`.
    """

    def located(self, path: str) -> Iterator[Located]:
        if self.reader.is_plain(path):
            return located_examples(self.reader.examples(path), path)
        return super().located(path)

    def texts(self, example: Any) -> JsonDict:
        if example.segments is None:
            return dict(zip(("text", "text_pair"), example.texts))
        decode = self.reader.tokenizer.pretrained.decode
        first, second = (decode(ids.tolist()) for ids in example.segments)
        return {"text": first, "text_pair": second}

    def answers(self, records: Sequence[Located]) -> list[JsonDict]:
        answers: list[JsonDict] = [{} for _ in records]
        for indices, tensors in self.batches(records):
            with torch.inference_mode():
                tokens, label = self.model.mask(tensors["tokens"])
                encoded = encode_field(self.model.bert, tokens, self.model.text_input)
                wanted = label != IGNORE_INDEX
                gold, states = label[wanted], encoded.hidden_states[wanted]
                found = predict_pieces(self.model.cls.predictions, states, gold)
                probs = self.model.cls.seq_relationship(encoded.pooled).softmax(-1).tolist()
            batch = piece_answers(self.reader.tokenizer, wanted, gold, found)
            for index, answer, chances in zip(indices, batch, probs):
                told = {
                    "gold": LABELS[records[index].example.label],
                    "prediction": LABELS[chances.index(max(chances))],
                    "probs": dict(zip(LABELS, chances)),
                }
                answers[index] = {**answer, "next_sentence": told}
        return answers

    @classmethod
    def figures(cls, line: JsonDict) -> Figures:
        return PieceFigures()
