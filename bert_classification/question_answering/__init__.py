from bert_classification.question_answering.dataset_reader import BertForQuestionAnsweringReader
from bert_classification.question_answering.model import BertForQuestionAnswering
from bert_classification.question_answering.predictor import BertForQuestionAnsweringPredictor
from bert_classification.question_answering.report import QuestionAnsweringLines

__all__ = [
    "QuestionAnsweringLines",
    "BertForQuestionAnswering",
    "BertForQuestionAnsweringPredictor",
    "BertForQuestionAnsweringReader",
]
