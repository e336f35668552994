from bert_classification.masked_lm.dataset_reader import BertForMaskedLMReader
from bert_classification.masked_lm.model import BertForMaskedLM
from bert_classification.masked_lm.predictor import BertForMaskedLMPredictor

__all__ = [
    "BertForMaskedLM",
    "BertForMaskedLMPredictor",
    "BertForMaskedLMReader",
]
