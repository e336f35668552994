from bert_classification.multiple_choice.dataset_reader import BertForMultipleChoiceReader
from bert_classification.multiple_choice.model import BertForMultipleChoice
from bert_classification.multiple_choice.predictor import BertForMultipleChoicePredictor
from bert_classification.multiple_choice.report import MultipleChoiceLines

__all__ = [
    "MultipleChoiceLines",
    "BertForMultipleChoice",
    "BertForMultipleChoicePredictor",
    "BertForMultipleChoiceReader",
]
