from bert_classification.pretraining.dataset_reader import BertForPreTrainingReader
from bert_classification.pretraining.model import BertForPreTraining
from bert_classification.pretraining.predictor import BertForPreTrainingPredictor
from bert_classification.pretraining.report import PreTrainingLines

__all__ = [
    "PreTrainingLines",
    "BertForPreTraining",
    "BertForPreTrainingPredictor",
    "BertForPreTrainingReader",
]
