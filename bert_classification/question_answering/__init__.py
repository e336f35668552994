from bert_classification.question_answering.dataset_reader import BertForQuestionAnsweringReader
from bert_classification.question_answering.model import BertForQuestionAnswering
from bert_classification.question_answering.predictor import BertForQuestionAnsweringPredictor

__all__ = [
    "BertForQuestionAnswering",
    "BertForQuestionAnsweringPredictor",
    "BertForQuestionAnsweringReader",
]
