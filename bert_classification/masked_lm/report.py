"""What `allennlp report` makes of text with masks."""

from typing import Any, Sequence

from allennlp.common.util import JsonDict

from bert_classification.bert.encoder import encode_field
from bert_classification.data.label_field import IGNORE_INDEX
from bert_classification.evaluation.pieces import (
    PieceLines,
    piece_answers,
    predict_pieces,
)
from bert_classification.evaluation.task_lines import Located, TaskLines


@TaskLines.register("bert_for_masked_lm")
class MaskedLMLines(PieceLines):
    """
    The pieces that were masked, as in every evaluation the same ones, as `gold`, and the best piece
    for each as `prediction`; their `positions` and `losses`.
    """

    def texts(self, example: Any) -> JsonDict:
        if example.ids is None:
            return {"text": example.text}
        return {"text": self.reader.tokenizer.pretrained.decode(example.ids.tolist())}

    def batch_answers(self, records: Sequence[Located], tensors: Any) -> list[JsonDict]:
        tokens, label = self.model.mask(tensors["tokens"])
        wanted = label != IGNORE_INDEX
        encoded = encode_field(self.model.bert, tokens, self.model.text_input, wanted)
        gold = label[wanted]
        found = predict_pieces(self.model.cls, encoded.hidden_states[wanted], gold)
        return piece_answers(self.reader.tokenizer, wanted, gold, found)
