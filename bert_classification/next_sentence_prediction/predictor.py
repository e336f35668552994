from typing import Any, Sequence

from allennlp.common.util import JsonDict
from allennlp.data import Instance
from allennlp.data.fields import LabelField
from allennlp.predictors import Predictor

from bert_classification.data.values import find_label
from bert_classification.objectives.next_sentence import LABELS
from bert_classification.predictor import ABSTAIN, BertPredictor


@Predictor.register("bert_for_next_sentence_prediction")
class BertForNextSentencePredictionPredictor(BertPredictor):
    """
    `{"text": ..., "text_pair": ...}` to `{"label": "is_next" or "not_next", "probs": [is_next,
    not_next], "is_next_probability": ..., "logits": [...]}`.
    """

    input_keys = ("text", "sentence", "text_pair", *ABSTAIN)
    gold_key = "label"
    output_keys = ("label", "probs")
    example = {
        "text": "The bread was still warm.",
        "text_pair": "She cut two thick slices of it and looked for the butter.",
    }
    settings = ABSTAIN
    takes_any_reader = True
    tells_doubt = True
    segment_keys = ("text", "text_pair")
    labels = LABELS
    can_abstain = True
    can_rank = True

    def ranking_scores(self, outputs: Sequence[JsonDict]) -> list[float]:
        """Gives the probabilities that a document goes on from the query."""
        return [output["is_next_probability"] for output in outputs]

    def predictions_to_labeled_instances(
        self, instance: Instance, outputs: dict[str, Any]
    ) -> list[Instance]:
        labelled = self.with_tokens(instance)
        wanted = "probs" not in outputs
        index = find_label(outputs["label"], LABELS) if wanted else outputs["probs"].argmax()
        labelled.add_field("label", LabelField(int(index), skip_indexing=True))
        return [labelled]
