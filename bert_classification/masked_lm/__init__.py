from bert_classification.masked_lm.dataset_reader import BertForMaskedLMReader
from bert_classification.masked_lm.model import BertForMaskedLM
from bert_classification.masked_lm.predictor import BertForMaskedLMPredictor
from bert_classification.masked_lm.report import MaskedLMLines

__all__ = [
    "MaskedLMLines",
    "BertForMaskedLM",
    "BertForMaskedLMPredictor",
    "BertForMaskedLMReader",
]
