"""What `allennlp report` makes of pairs of segments with masks."""

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
from bert_classification.objectives.next_sentence import LABELS


@TaskLines.register("bert_for_pretraining")
class PreTrainingLines(PieceLines):
    """
    The pieces that were masked as `gold`, and the best piece for each as `prediction`; their
    `positions` and `losses`; and of the `next_sentence` `gold`, `prediction` and `probs`.
    """

    def texts(self, example: Any) -> JsonDict:
        if example.segments is None:
            return dict(zip(("text", "text_pair"), example.texts))
        decode = self.reader.tokenizer.pretrained.decode
        first, second = (decode(ids.tolist()) for ids in example.segments)
        return {"text": first, "text_pair": second}

    def batch_answers(self, records: Sequence[Located], tensors: Any) -> list[JsonDict]:
        tokens, label = self.model.mask(tensors["tokens"])
        wanted = label != IGNORE_INDEX
        encoded = encode_field(self.model.bert, tokens, self.model.text_input, wanted)
        gold, states = label[wanted], encoded.hidden_states[wanted]
        found = predict_pieces(self.model.cls.predictions, states, gold)
        probs = self.model.cls.seq_relationship(encoded.pooled).softmax(-1).tolist()
        answers = piece_answers(self.reader.tokenizer, wanted, gold, found)
        for record, answer, chances in zip(records, answers, probs):
            answer["next_sentence"] = {
                "gold": LABELS[record.example.label],
                "prediction": LABELS[chances.index(max(chances))],
                "probs": dict(zip(LABELS, chances)),
            }
        return answers
