from bert_classification.token_classification.dataset_reader import BertForTokenClassificationReader
from bert_classification.token_classification.model import BertForTokenClassification
from bert_classification.token_classification.predictor import BertForTokenClassificationPredictor

__all__ = [
    "BertForTokenClassification",
    "BertForTokenClassificationPredictor",
    "BertForTokenClassificationReader",
]
