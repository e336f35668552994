import math
from typing import Any, Optional

import numpy
from allennlp.common.util import JsonDict
from allennlp.data import Instance
from allennlp.data.fields import TensorField
from allennlp.predictors import Predictor

from bert_classification.data.label_field import IGNORE_INDEX
from bert_classification.data.records import RecordError
from bert_classification.predictor import BertPredictor


@Predictor.register("bert_for_masked_lm")
class BertForMaskedLMPredictor(BertPredictor):
    """
    `{"text": "... [MASK] ...", "targets": [...]?, "top_k": ...?}` to `{"fills": [[{"token": ...,
    "prob": ...}, ...], ...], "text": ...}`: for each mask its most probable word pieces, 5 when
    nothing is said, of `targets` only when they are given; and the text with the best ones filled
    in. Masks are filled independently of each other.
    """

    input_keys = ("text", "sentence", "targets", "top_k")
    output_keys = ("fills", "text")
    example = {
        "text": "She was born in New [MASK] and wrote her first [MASK] at the age of twelve."
    }
    text_key = "text"
    segment_keys = ("text",)

    def predictions_to_labeled_instances(
        self, instance: Instance, outputs: dict[str, Any]
    ) -> list[Instance]:
        """Labels each mask with its best piece, or with the one that `outputs["words"]` wants."""
        labelled = self.with_tokens(instance)
        words = outputs.get("words") or [best["token"] for best, *_ in outputs["fills"]]
        ids: numpy.ndarray = labelled["tokens"].ids  # type: ignore[attr-defined]
        masks = numpy.flatnonzero(ids == self._dataset_reader.tokenizer.mask_id)
        wanted = [self._dataset_reader.tokenizer.token_to_id(word) for word in words]
        if len(wanted) != len(masks) or None in wanted:
            raise RecordError(
                f"`words` are {words!r}; expected a word piece for each of {len(masks)} masks."
            )
        label = numpy.full(len(ids), IGNORE_INDEX)
        label[masks] = wanted
        labelled.add_field("label", TensorField(label, padding_value=IGNORE_INDEX))
        return [labelled]

    def answer(self, output: JsonDict) -> Any:
        return [best["token"] for best, *_ in output["fills"]]

    def confidence(self, output: JsonDict, answer: Any) -> float:
        chances = [{fill["token"]: fill["prob"] for fill in fills} for fills in output["fills"]]
        return math.prod(each.get(token, 0.0) for each, token in zip(chances, answer))

    def wanted(self, target: Any) -> JsonDict:
        words = target if isinstance(target, list) else [target]
        return {"fills": [[{"token": word}] for word in words]}

    def with_text(self, example: Any, key: str, choice: Optional[int], text: str) -> Any:
        return example._replace(text=text, query=example.query._replace(texts=(text,)))
