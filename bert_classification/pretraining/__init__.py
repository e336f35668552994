from bert_classification.pretraining.dataset_reader import BertForPreTrainingReader
from bert_classification.pretraining.model import BertForPreTraining
from bert_classification.pretraining.predictor import BertForPreTrainingPredictor

__all__ = [
    "BertForPreTraining",
    "BertForPreTrainingPredictor",
    "BertForPreTrainingReader",
]
