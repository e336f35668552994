from typing import Any, Mapping, NamedTuple, Optional, Sequence

import torch
from allennlp.common.checks import ConfigurationError
from allennlp.common.util import JsonDict
from allennlp.data import DatasetReader, Instance
from allennlp.data.fields import ListField, MetadataField
from allennlp.models import Model
from allennlp.predictors import Predictor
from torch import Tensor

from bert_classification.classification.dataset_reader import BertForClassificationReader, Example
from bert_classification.classification.objectives import SingleLabel
from bert_classification.classification.request import find_objective
from bert_classification.classification.zero_shot.request import (
    SETTINGS,
    ZeroShotRequest,
    parse_request,
)
from bert_classification.predictor import BertPredictor

NAME = "bert_for_zero_shot"


class Roles(NamedTuple):
    """The positions of two labels of a model for inference between sentences."""

    entailment: int
    contradiction: int


class PairsReader(BertForClassificationReader):
    """
    Makes one instance of all pairs of a text with its hypotheses.

    # Parameters

    reader : `BertForClassificationReader`
        Whose settings and tokenizer it shares.
    """

    def __init__(self, reader: BertForClassificationReader) -> None:
        vars(self).update(vars(reader))

    def parse(self, values: Mapping[str, Any], location: str, labelled: bool) -> Any:
        return parse_request(values)

    def to_instances(self, examples: Sequence[Any]) -> list[Instance]:
        pairs = [
            Example(request.text, hypothesis, None, "the record")
            for request in examples
            for hypothesis in request.hypotheses
        ]
        made = iter(super().to_instances(pairs))
        return [
            Instance(
                {
                    "tokens": ListField([next(made)["tokens"] for _ in request.labels]),
                    "request": MetadataField(request),
                }
            )
            for request in examples
        ]


@Predictor.register(NAME)
class BertForZeroShotPredictor(BertPredictor):
    """
    `{"text": ..., "labels": [...], "hypothesis_template": ...?, "multi_label": ...?}` to
    `{"labels": [...], "scores": [...]}`, the labels that a record brings, best first:
    classification by labels that no training has seen (Yin et al. 2019), with a model for inference
    between two sentences (NLI). Each label makes a hypothesis of the template, by default `This
    example is {}.`; its score says how well that follows from the text.

    The scores are the softmax of the logits of entailment over all labels, and sum to 1; with
    `multi_label`, or one label, that of entailment against contradiction for each label by itself.
    They are those of the pipeline `zero-shot-classification` of transformers. That one takes the
    first label of the model for contradiction, or the last where the first is entailment; here it
    is so only where no label's name begins with `contra`. All pairs of all records that are
    predicted together run in the same batches, without padding.

    # Parameters

    entailment_label : `str`, optional
        The label of the model that says that a hypothesis follows; by default the first whose name
        begins with `entail`.
    model : `Model`
        A `bert_for_classification` of pairs, with one label each.
    dataset_reader, frozen, token_budget, precision, max_record_tokens :
        See `BertPredictor`; word pieces of a record are those of its text with all hypotheses.
    """

    input_keys = ("text", "sentence", "labels", *SETTINGS)
    gold_key = "label"
    output_keys = ("labels", "scores")
    example = {
        "text": "The new phone has a brighter screen, but its battery is empty by noon.",
        "labels": ["technology", "cooking", "politics"],
    }
    settings = SETTINGS

    def __init__(
        self,
        model: Model,
        dataset_reader: DatasetReader,
        frozen: bool = True,
        entailment_label: Optional[str] = None,
        **kwargs: Any,
    ) -> None:
        objective = find_objective(model)
        if not isinstance(objective, SingleLabel):
            raise ConfigurationError(
                f"The predictor `{NAME}` needs a classifier of pairs of texts with one label each, "
                "such as `bert_for_classification` trained on MNLI or RTE; the model is a "
                f"{type(model).__name__}{'' if objective is None else ' of another problem type'}."
            )
        self._roles = find_roles(objective.names, entailment_label)
        super().__init__(model, dataset_reader, frozen, **kwargs)

    def _adapt(self, reader: DatasetReader) -> Any:
        if not isinstance(reader, BertForClassificationReader):
            raise ConfigurationError(
                f"The predictor `{NAME}` needs the reader `bert_for_classification`; "
                f"`dataset_reader` is a {type(reader).__name__}."
            )
        return PairsReader(reader)

    def predict_batch_instance(self, instances: list[Instance]) -> list[JsonDict]:
        pairs = [
            Instance({"tokens": field})
            for instance in instances
            for field in instance["tokens"]  # type: ignore[attr-defined]
        ]
        logits = torch.tensor(
            [output["logits"] for output in super().predict_batch_instance(pairs)]
        )
        requests: list[ZeroShotRequest] = [
            instance["request"].metadata  # type: ignore[attr-defined]
            for instance in instances
        ]
        parts = logits.split([len(request.labels) for request in requests])
        return [rank_labels(*each, self._roles) for each in zip(requests, parts)]


def find_roles(names: Sequence[str], entailment_label: Optional[str]) -> Roles:
    """
    Finds the labels of entailment and contradiction; see `BertForZeroShotPredictor`.

    # Raises

    `ConfigurationError` where there is no label of entailment, or no other one.
    """
    known = ", ".join(map(repr, names))
    if entailment_label is not None and entailment_label not in names:
        raise ConfigurationError(
            f"`entailment_label` is {entailment_label!r}; the labels of the model are {known}."
        )
    wanted = entailment_label or _first_with("entail", names)
    if wanted is None or len(names) < 2:
        raise ConfigurationError(
            f"The predictor `{NAME}` needs a model that was trained to tell entailment, and finds "
            f"no label for it, or no other one: the labels are {known}. Name one by "
            "`--predictor-args '{\"entailment_label\": ...}'`."
        )
    entailment = names.index(wanted)
    contradiction = _first_with("contra", names)
    if contradiction is None or contradiction == wanted:
        return Roles(entailment, 0 if entailment else len(names) - 1)
    return Roles(entailment, names.index(contradiction))


def _first_with(beginning: str, names: Sequence[str]) -> Optional[str]:
    return next((name for name in names if name.lower().startswith(beginning)), None)


def rank_labels(request: ZeroShotRequest, logits: Tensor, roles: Roles) -> JsonDict:
    """Scores the labels of a record by the logits of its pairs, shape `(labels, num_labels)`."""
    if request.multi_label or len(request.labels) == 1:
        scores = logits[:, [roles.contradiction, roles.entailment]].softmax(-1)[:, 1]
    else:
        scores = logits[:, roles.entailment].softmax(-1)
    ranked = scores.sort(descending=True, stable=True)
    return {
        "labels": [request.labels[index] for index in ranked.indices.tolist()],
        "scores": ranked.values.tolist(),
    }
