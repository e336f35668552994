from bert_classification.next_sentence_prediction.dataset_reader import (
    BertForNextSentencePredictionReader,
)
from bert_classification.next_sentence_prediction.model import BertForNextSentencePrediction
from bert_classification.next_sentence_prediction.predictor import (
    BertForNextSentencePredictionPredictor,
)

__all__ = [
    "BertForNextSentencePrediction",
    "BertForNextSentencePredictionPredictor",
    "BertForNextSentencePredictionReader",
]
