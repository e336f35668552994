import math
from typing import Any, Optional, Sequence

import numpy
from allennlp.common.checks import ConfigurationError
from allennlp.common.util import JsonDict
from allennlp.data import DatasetReader, Instance
from allennlp.models import Model
from allennlp.predictors import Predictor

from bert_classification.classification.objectives import MultiLabel, Regression
from bert_classification.classification.request import (
    SETTINGS,
    find_objective,
    parse_request,
    shape_output,
)
from bert_classification.data.values import find_label
from bert_classification.predictor import BertPredictor

RELEVANT = ("1", "true", "yes", "relevant", "entailment", "duplicate", "equivalent", "paraphrase")
"""Names that labels of pairs which belong together have in the usual data, in lower case."""


@Predictor.register("bert_for_classification")
class BertForClassificationPredictor(BertPredictor):
    """
    `{"text": ..., "text_pair": ...?}` to `{"label": ..., "probs": [...], "logits": [...]}`; the
    order of `probs` is that of the labels in the model's vocabulary. A record may say what is to be
    in its output; see `Request`.

    # Parameters

    positive_label : `str`, optional
        The label of pairs that belong together, by whose probability documents are ranked; by
        default one of `RELEVANT`. A regression ranks by its score.
    model, dataset_reader, token_budget, precision, max_record_tokens :
        See `BertPredictor`.
    """

    input_keys = ("text", "sentence", "text_pair", *SETTINGS)
    gold_key = "label"
    output_keys = ("label",)
    example = {"text": "Our room was clean and quiet, but the heating did not work at all."}
    text_key = "text"
    can_abstain = True
    takes_any_reader = True
    segment_keys = ("text", "text_pair")

    def __init__(
        self,
        model: Model,
        dataset_reader: DatasetReader,
        positive_label: Optional[str] = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(model, dataset_reader, **kwargs)
        self._objective = find_objective(model)
        # AllenNLP's mitigators of bias wrap a model, and have no objective of their own.
        labels = list(self.labels) if hasattr(model, "objective") else []
        known = [name for name in labels if name.lower() in RELEVANT]
        if positive_label is not None:
            known = [labels[find_label(positive_label, labels)]]
        self._positive = labels.index(known[0]) if len(known) == 1 else None

    @property
    def tells_doubt(self) -> bool:
        objective = getattr(self._model, "objective", None)
        return objective is not None and not isinstance(objective, Regression)

    @property
    def can_rank(self) -> bool:
        objective = getattr(self._model, "objective", None)
        return self._positive is not None or isinstance(objective, Regression)

    def ranking_scores(self, outputs: Sequence[JsonDict]) -> list[float]:
        """Gives the scores of a regression, or the probabilities of the positive label."""
        if isinstance(self._model.objective, Regression):
            return [output["score"] for output in outputs]
        return [output["probs"][self._positive] for output in outputs]

    @property
    def settings(self) -> dict[str, JsonDict]:
        known = () if self._objective is None else self._objective.settings
        return {key: SETTINGS[key] for key in known}

    def check_settings(self, record: JsonDict) -> None:
        parse_request(record, self._objective)
        super().check_settings(record)

    def judge(self, record: JsonDict, prediction: JsonDict) -> JsonDict:
        # What explains a record has no probabilities of its own.
        if "probs" not in prediction:
            return prediction
        request = parse_request(record, self._objective)
        judged = super().judge(record, shape_output(prediction, request, self._objective))
        left_out = () if request.probs else ("probs", "logits")
        return {key: value for key, value in judged.items() if key not in left_out}

    def label_set(self, prediction: JsonDict, least: float) -> list[str]:
        if "label" in prediction:
            return super().label_set(prediction, least)
        ranked = sorted(zip(self.labels, prediction["probs"]), key=lambda each: -each[1])
        return [name for name, prob in ranked if prob >= least]

    @property
    def labels(self) -> Sequence[str]:
        return self._model.objective.names

    def predictions_to_labeled_instances(
        self, instance: Instance, outputs: dict[str, numpy.ndarray]
    ) -> list[Instance]:
        labelled = self.with_tokens(instance)
        labelled.add_field("label", self._model.objective.predicted_field(outputs))
        return [labelled]

    def answer(self, output: JsonDict) -> Any:
        if "score" in output:
            raise ConfigurationError("a regression gives a score, which is no label to change.")
        return output.get("label", output.get("labels"))

    def confidence(self, output: JsonDict, answer: Any) -> float:
        if "label" in output:
            return super().confidence(output, answer)
        chances = zip(self.labels, output["probs"])
        return math.prod(prob if name in answer else 1 - prob for name, prob in chances)

    def distributions(self, output: JsonDict) -> list[dict[Any, float]]:
        if not isinstance(self._model.objective, MultiLabel):
            return super().distributions(output)
        return [{True: prob, False: 1 - prob} for prob in output["probs"]]

    def wanted(self, target: Any) -> JsonDict:
        if not isinstance(self._model.objective, MultiLabel):
            return {"label": self.labels[find_label(target, self.labels)]}
        names = target if isinstance(target, list) else [target]
        positions = sorted(find_label(name, self.labels) for name in names)
        return {"labels": [self.labels[position] for position in positions]}
