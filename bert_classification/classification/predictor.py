from typing import Sequence

import numpy
from allennlp.data import Instance
from allennlp.predictors import Predictor

from bert_classification.predictor import BertPredictor


@Predictor.register("bert_for_classification")
class BertForClassificationPredictor(BertPredictor):
    """
    `{"text": ..., "text_pair": ...?}` to `{"label": ..., "probs": [...], "logits": [...]}`; the
    order of `probs` is that of the labels in the model's vocabulary.
    """

    input_keys = ("text", "sentence", "text_pair")
    gold_key = "label"
    output_keys = ("label", "probs", "logits")
    example = {"text": "Our room was clean and quiet, but the heating did not work at all."}
    takes_any_reader = True
    segment_keys = ("text", "text_pair")

    @property
    def labels(self) -> Sequence[str]:
        return self._model.objective.names

    def predictions_to_labeled_instances(
        self, instance: Instance, outputs: dict[str, numpy.ndarray]
    ) -> list[Instance]:
        labelled = instance.duplicate()
        labelled.add_field("label", self._model.objective.predicted_field(outputs))
        return [labelled]
