from typing import Optional

from allennlp.predictors import Predictor

from bert_classification.prediction import BertPredictor
from bert_classification.question_answering.dataset_reader import BertForQuestionAnsweringReader
from bert_classification.question_answering.model import BertForQuestionAnswering


@Predictor.register("bert_for_question_answering")
class BertForQuestionAnsweringPredictor(BertPredictor):
    """
    `{"question": ..., "context": ...}` to `{"answer": ..., "start": ..., "end": ..., "score": ...,
    "n_best": [...], "null_score": ..., "null_score_diff": ...}`; see
    `BertForQuestionAnswering.make_output_human_readable`.

    # Parameters

    n_best, max_answer_length, handle_impossible_answer, null_score_diff_threshold : optional
        In place of the model's; on the command line for example
        `--predictor-args '{"null_score_diff_threshold": -1.5}'`.
    """

    input_keys = ("question", "context", "is_impossible")
    gold_key = "answers"

    def __init__(
        self,
        model: BertForQuestionAnswering,
        dataset_reader: BertForQuestionAnsweringReader,
        frozen: bool = True,
        n_best: Optional[int] = None,
        max_answer_length: Optional[int] = None,
        handle_impossible_answer: Optional[bool] = None,
        null_score_diff_threshold: Optional[float] = None,
    ) -> None:
        super().__init__(model, dataset_reader, frozen)
        settings = {
            "n_best": n_best,
            "max_answer_length": max_answer_length,
            "handle_impossible_answer": handle_impossible_answer,
            "null_score_diff_threshold": null_score_diff_threshold,
        }
        for name, value in settings.items():
            if value is not None:
                setattr(model, name, value)
