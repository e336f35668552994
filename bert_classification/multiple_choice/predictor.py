from typing import Any

import numpy
from allennlp.common.checks import ConfigurationError
from allennlp.common.util import JsonDict
from allennlp.data import Instance
from allennlp.data.fields import LabelField
from allennlp.predictors import Predictor

from bert_classification.predictor import ABSTAIN, BertPredictor


@Predictor.register("bert_for_multiple_choice")
class BertForMultipleChoicePredictor(BertPredictor):
    """
    `{"prompt": ..., "choices": [..., ...]}` to `{"label": index, "choice": ..., "probs": [...],
    "logits": [...]}`, with a probability for each choice in the order of the choices.
    """

    input_keys = ("prompt", "question", "choices", *ABSTAIN)
    gold_key = "label"
    output_keys = ("label", "choice", "probs")
    example = {
        "prompt": "What do people do at the end of a concert?",
        "choices": ["applaud", "sleep", "cook", "swim"],
    }
    settings = ABSTAIN
    can_abstain = True
    takes_any_reader = True
    tells_doubt = True
    segment_keys = ("prompt", "choices")
    attacked_keys = ("prompt",)

    def wanted(self, target: Any) -> JsonDict:
        if not isinstance(target, int):
            raise ConfigurationError(
                f"the target is {target!r}; expected the index of a choice, counted from 0."
            )
        return {"label": target}

    def predictions_to_labeled_instances(
        self, instance: Instance, outputs: dict[str, numpy.ndarray]
    ) -> list[Instance]:
        labelled = self.with_tokens(instance)
        labelled.add_field("label", LabelField(int(outputs["label"]), skip_indexing=True))
        return [labelled]
