from bert_classification.classification.dataset_reader import BertForClassificationReader
from bert_classification.classification.model import BertForClassification
from bert_classification.classification.predictor import BertForClassificationPredictor
from bert_classification.classification.report import ClassificationLines
from bert_classification.classification.zero_shot.predictor import BertForZeroShotPredictor

__all__ = [
    "BertForClassification",
    "BertForClassificationPredictor",
    "BertForClassificationReader",
    "BertForZeroShotPredictor",
    "ClassificationLines",
]
