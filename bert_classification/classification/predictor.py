import numpy
from allennlp.data import Instance
from allennlp.data.fields import LabelField
from allennlp.predictors import Predictor

from bert_classification.prediction import BertPredictor


@Predictor.register("bert_for_classification")
class BertForClassificationPredictor(BertPredictor):
    """
    `{"text": ..., "text_pair": ...?}` to `{"label": ..., "probs": [...], "logits": [...]}`; the
    order of `probs` is that of the labels in the model's vocabulary.
    """

    input_keys = ("text", "sentence", "text_pair")
    gold_key = "label"

    def predictions_to_labeled_instances(
        self, instance: Instance, outputs: dict[str, numpy.ndarray]
    ) -> list[Instance]:
        labelled = instance.duplicate()
        labelled.add_field("label", LabelField(int(outputs["probs"].argmax()), skip_indexing=True))
        return [labelled]
