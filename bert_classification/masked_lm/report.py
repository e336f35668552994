"""What `allennlp report` makes of text with masks."""

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


@TaskLines.register("bert_for_masked_lm")
class MaskedLMLines(TaskLines):
    """
    The pieces that were masked, as in every evaluation the same ones, as `gold`, and the best piece
    for each as `prediction`; their `positions` and `losses`.
    """

    def located(self, path: str) -> Iterator[Located]:
        if self.reader.is_plain(path):
            return located_examples(self.reader.examples(path), path)
        return super().located(path)

    def texts(self, example: Any) -> JsonDict:
        if example.ids is None:
            return {"text": example.text}
        return {"text": self.reader.tokenizer.pretrained.decode(example.ids.tolist())}

    def answers(self, records: Sequence[Located]) -> list[JsonDict]:
        answers: list[JsonDict] = [{} for _ in records]
        for indices, tensors in self.batches(records):
            with torch.inference_mode():
                tokens, label = self.model.mask(tensors["tokens"])
                encoded = encode_field(self.model.bert, tokens, self.model.text_input)
                wanted = label != IGNORE_INDEX
                gold = label[wanted]
                found = predict_pieces(self.model.cls, encoded.hidden_states[wanted], gold)
            batch = piece_answers(self.reader.tokenizer, wanted, gold, found)
            for index, answer in zip(indices, batch):
                answers[index] = answer
        return answers

    @classmethod
    def figures(cls, line: JsonDict) -> Figures:
        return PieceFigures()
