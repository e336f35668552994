"""What `allennlp report` makes of text that goes on."""

from typing import Any, Iterator, Sequence

from allennlp.common.util import JsonDict

from bert_classification.bert.encoder import encode_field
from bert_classification.evaluation.pieces import (
    PieceLines,
    located_examples,
    piece_answers,
    predict_pieces,
)
from bert_classification.evaluation.task_lines import Located, TaskLines


@TaskLines.register("bert_for_causal_lm")
class CausalLMLines(PieceLines):
    """
    The pieces of a block after its first as `gold`, and the best piece at each place as
    `prediction`; their `positions` and `losses`.
    """

    def located(self, path: str) -> Iterator[Located]:
        return located_examples(self.reader.examples(path), path)

    def texts(self, example: Any) -> JsonDict:
        return {"text": self.reader.tokenizer.pretrained.decode(example.ids.tolist())}

    def batch_answers(self, records: Sequence[Located], tensors: Any) -> list[JsonDict]:
        field = self.model.text_input.get_tensors(tensors["tokens"])
        # (batch_size, length - 1): of the piece after each one.
        wanted = field["mask"][:, 1:] & field["mask"][:, :-1]
        gold = field["input_ids"][:, 1:][wanted]
        encoded = encode_field(self.model.bert, tensors["tokens"], self.model.text_input)
        states = encoded.hidden_states[:, :-1][wanted]
        found = predict_pieces(self.model.cls, states, gold)
        return piece_answers(self.reader.tokenizer, wanted, gold, found)
