from bert_classification.causal_lm.dataset_reader import BertForCausalLMReader
from bert_classification.causal_lm.model import BertForCausalLM
from bert_classification.causal_lm.predictor import (
    BertForCausalLMPredictor,
    BertForCausalLMScoringPredictor,
)
from bert_classification.causal_lm.report import CausalLMLines

__all__ = [
    "CausalLMLines",
    "BertForCausalLM",
    "BertForCausalLMPredictor",
    "BertForCausalLMReader",
    "BertForCausalLMScoringPredictor",
]
