from typing import Any, Optional, cast

from allennlp.common.checks import ConfigurationError
from allennlp.common.util import JsonDict
from allennlp.data import Instance
from allennlp.data.fields import TensorField
from allennlp.predictors import Predictor

from bert_classification.data.label_field import IGNORE_INDEX
from bert_classification.predictor import ABSTAIN, BertPredictor, check_count, with_settings
from bert_classification.question_answering.dataset_reader import BertForQuestionAnsweringReader
from bert_classification.question_answering.model import BertForQuestionAnswering
from bert_classification.question_answering.spans import answer_span, gold_positions
from bert_classification.question_answering.squad import Answer

GOLD_KEYS = ("start_positions", "end_positions")


@Predictor.register("bert_for_question_answering")
class BertForQuestionAnsweringPredictor(BertPredictor):
    """
    `{"question": ..., "context": ...}` to `{"answer": ..., "start": ..., "end": ..., "score": ...,
    "n_best": [...], "null_score": ..., "null_score_diff": ...}`; see
    `BertForQuestionAnswering.make_output_human_readable`. With `"logits": true` a record asks for
    `logits` too, one `spans.WindowLogits` for each window of its context.

    # Parameters

    n_best, max_answer_length, handle_impossible_answer, null_score_diff_threshold : optional
        In place of the model's; on the command line for example
        `--predictor-args '{"null_score_diff_threshold": -1.5}'`.
    model, dataset_reader, frozen, token_budget, precision :
        See `BertPredictor`.
    """

    input_keys = ("question", "context", "is_impossible", "logits", *ABSTAIN)
    gold_key = "answers"
    output_keys = ("answer", "start", "end", "score", "n_best", "null_score")
    example = {
        "question": "How long was it the tallest building in the world?",
        "context": "The Eiffel Tower stands on the left bank of the Seine in Paris. It was built "
        "for the World's Fair of 1889 and named after Gustave Eiffel, whose company designed it. "
        "With its 330 metres it was the tallest building in the world for 41 years.",
    }
    settings = {
        "logits": {
            "description": "True gives the logits of starts and ends, with the pieces' offsets.",
            "type": ["boolean", "null"],
            "default": False,
        },
        **ABSTAIN,
    }
    can_abstain = True
    segment_keys = ("question", "context")
    attacked_keys = ("question",)
    tells_doubt = True

    def __init__(
        self,
        model: BertForQuestionAnswering,
        dataset_reader: BertForQuestionAnsweringReader,
        frozen: bool = True,
        n_best: Optional[int] = None,
        max_answer_length: Optional[int] = None,
        handle_impossible_answer: Optional[bool] = None,
        null_score_diff_threshold: Optional[float] = None,
        **kwargs,
    ) -> None:
        settings = {
            "n_best": n_best,
            "max_answer_length": max_answer_length,
            "handle_impossible_answer": handle_impossible_answer,
            "null_score_diff_threshold": null_score_diff_threshold,
        }
        for name in ("n_best", "max_answer_length"):
            if settings[name] is not None:
                check_count(name, settings[name])
        if not isinstance(null_score_diff_threshold, (int, float, type(None))):
            raise ConfigurationError(
                f"`null_score_diff_threshold` is {null_score_diff_threshold!r}; expected a number."
            )
        super().__init__(with_settings(model, **settings), dataset_reader, frozen, **kwargs)

    def predictions_to_labeled_instances(
        self, instance: Instance, outputs: dict[str, Any]
    ) -> list[Instance]:
        labelled = self.with_tokens(instance)
        offsets, windows = (
            cast(Any, instance[key]).tensor.numpy() for key in ("offsets", "windows")
        )
        answer = Answer(outputs["answer"], int(outputs["start"]))
        span = answer_span(offsets, answer) if answer.text else None
        for key, positions in zip(GOLD_KEYS, gold_positions(windows, span)):
            labelled.add_field(key, TensorField(positions, padding_value=IGNORE_INDEX))
        return [labelled]

    def answer(self, output: JsonDict) -> Any:
        return output["answer"]

    def confidence(self, output: JsonDict, answer: Any) -> float:
        return sum(each["score"] for each in output["n_best"] if each["answer"] == answer)

    def sureness(self, prediction: JsonDict) -> Optional[float]:
        return prediction.get("score")

    def label_set(self, prediction: JsonDict, least: float) -> list[str]:
        given = prediction["answer"]
        others = [each["answer"] for each in prediction["n_best"] if each["score"] >= least]
        return list(dict.fromkeys([given, *others]))

    def distributions(self, output: JsonDict) -> list[dict[Any, float]]:
        return [{(each["start"], each["end"]): each["score"] for each in output["n_best"]}]

    def wanted(self, target: Any) -> JsonDict:
        raise ConfigurationError(
            "an answer is what stands in the context; no other can be aimed at."
        )
