from typing import Any, Optional, Sequence, cast

from allennlp.common.checks import ConfigurationError
from allennlp.common.util import JsonDict
from allennlp.data import DatasetReader, Instance
from allennlp.data.fields import MetadataField
from allennlp.models import Model
from allennlp.predictors import Predictor

from bert_classification.predictor import ABSTAIN, BertPredictor, with_settings
from bert_classification.token_classification.aggregation import check_aggregation
from bert_classification.token_classification.conll import to_columns
from bert_classification.token_classification.dataset_reader import BertForTokenClassificationReader
from bert_classification.token_classification.tag_schemes import check_scheme, from_iob2, to_iob2


@Predictor.register("bert_for_token_classification")
class BertForTokenClassificationPredictor(BertPredictor):
    """
    `{"text": ...}` or `{"tokens": [...]}` to `{"tags": [...], "tokens": [...], "entities": [...]}`,
    where an entity is `{"text": ..., "type": ..., "start": ..., "end": ..., "score": ...}`; `start`
    and `end` count characters of `text`, or of the tokens with a blank between them. With `"probs":
    true` a record asks for `probs` too: `{"O": 0.9, "B-PER": ...}` for each token, the
    probabilities of all tags that the model knows, whatever the `output_scheme`.

    # Parameters

    aggregation : `str`, optional
        Instead of the model's: `first`, `average` or `max`.
    output_scheme : `str`, optional
        The scheme of `tags`: `IOB1`, `IOB2` or `BIOES`. By default the tags come as the model gives
        them, IOB2 in which an `I-` may continue nothing.
    output_format : `str`, optional (default = `json`)
        What `allennlp predict` writes: `json`, or `conll`, two columns of words and tags with a
        blank line after each text. An error then stands on a line `-DOCSTART-`, which readers of
        such files pass over.
    model, dataset_reader, frozen, token_budget, precision :
        See `BertPredictor`.
    """

    input_keys = ("text", "sentence", "tokens", "probs", *ABSTAIN)
    gold_key = "tags"
    output_keys = ("tags", "tokens", "entities")
    example = {
        "text": "Last summer Maria Lopez moved from Lisbon to Berlin to work for Siemens, while "
        "her brother stayed in London."
    }
    settings = {
        "probs": {
            "description": "True gives the probabilities of all tags, for each token.",
            "type": ["boolean", "null"],
            "default": False,
        },
        **ABSTAIN,
    }
    can_abstain = True
    text_key = "text"
    segment_keys = ("text",)
    tells_doubt = True
    asks_for_doubt = {"probs": True}
    writes_tags = True

    @property
    def writes_lines(self) -> bool:  # type: ignore[override]
        return self._format == "json"

    @property
    def labels(self) -> Sequence[str]:
        return self._model.entity_types

    _dataset_reader: BertForTokenClassificationReader

    def __init__(
        self,
        model: Model,
        dataset_reader: DatasetReader,
        frozen: bool = True,
        aggregation: Optional[str] = None,
        output_scheme: Optional[str] = None,
        output_format: str = "json",
        **kwargs,
    ) -> None:
        if aggregation is not None:
            check_aggregation(aggregation)
        own = with_settings(model, aggregation=aggregation)
        super().__init__(own, dataset_reader, frozen, **kwargs)
        if output_scheme is not None:
            check_scheme(output_scheme, "output_scheme")
        self._scheme = output_scheme
        if output_format not in ("json", "conll"):
            raise ConfigurationError(
                f"`output_format` is {output_format!r}; expected json or conll."
            )
        self._format = output_format

    def predict_batch_instance(self, instances: list[Instance]) -> list[JsonDict]:
        outputs = super().predict_batch_instance(instances)
        if self._scheme:
            for output in outputs:
                output["tags"] = from_iob2(to_iob2(output["tags"], "IOB2"), self._scheme)
        return outputs

    def dump_line(self, outputs: JsonDict) -> str:
        if self._format == "json":
            return super().dump_line(outputs)
        return self.dump_conll(outputs)

    def dump_conll(self, outputs: JsonDict) -> str:
        """Writes an output in columns; an error on a line that readers of them pass over."""
        if "error" in outputs:
            return to_columns(["-DOCSTART-"], [super().dump_line(outputs).strip()])
        return to_columns(outputs["tokens"], outputs["tags"])

    def _carried(self, record: JsonDict) -> dict[str, Any]:
        carried = super()._carried(record)
        if "entities" in carried:
            # The output has its own.
            carried = {"gold": carried.pop("entities"), **carried}
        return carried

    def predictions_to_labeled_instances(
        self, instance: Instance, outputs: dict[str, Any]
    ) -> list[Instance]:
        labelled = self.with_tokens(instance)
        windows = [field.words for field in cast(Any, instance["word_ids"])]
        field = self._dataset_reader.tags_field(outputs["tags"], windows, "the prediction")
        labelled.add_field("tags", field, self._model.vocab)
        return [labelled]

    def with_probs(self, instance: Instance) -> Instance:
        instance.add_field("wants_probs", MetadataField(True))
        return instance

    def answer(self, output: JsonDict) -> Any:
        return [[entity["text"], entity["type"]] for entity in output["entities"]]

    def confidence(self, output: JsonDict, answer: Any) -> float:
        """Gives the share of the entities of two answers that are in both."""
        found = self.answer(output)
        both = sum(entity in found for entity in answer)
        return 2 * both / (len(found) + len(answer)) if found or answer else 1.0

    def judge(self, record: JsonDict, prediction: JsonDict) -> JsonDict:
        """
        Adds `abstain` to each entity as well; the confidence of a text is the least score of its
        entities, and one without any has none.
        """
        judged = super().judge(record, prediction)
        if "abstain" not in judged:
            return judged
        asked = record.get("abstain_below")
        below = self._model.calibration.abstain_below if asked is None else asked
        entities = [
            {**entity, "abstain": entity["score"] < below} for entity in prediction["entities"]
        ]
        return {**judged, "entities": entities}

    def sureness(self, prediction: JsonDict) -> Optional[float]:
        return min((entity["score"] for entity in prediction.get("entities", ())), default=None)

    def distributions(self, output: JsonDict) -> list[dict[Any, float]]:
        return output["probs"]

    def wanted(self, target: Any) -> JsonDict:
        raise ConfigurationError("a text has many tags; none of them can be aimed at.")

    def protected_spans(self, output: JsonDict) -> list[tuple[int, int]]:
        return [(entity["start"], entity["end"]) for entity in output["entities"]]

    def with_text(self, example: Any, key: str, choice: Optional[int], text: str) -> Any:
        return self._dataset_reader.parse({key: text}, "the text", labelled=False)
