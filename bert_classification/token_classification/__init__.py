from bert_classification.token_classification.dataset_reader import BertForTokenClassificationReader
from bert_classification.token_classification.model import BertForTokenClassification
from bert_classification.token_classification.predictor import BertForTokenClassificationPredictor
from bert_classification.token_classification.report import TokenClassificationLines

__all__ = [
    "TokenClassificationLines",
    "BertForTokenClassification",
    "BertForTokenClassificationPredictor",
    "BertForTokenClassificationReader",
]
