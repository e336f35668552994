from bert_classification.next_sentence_prediction.dataset_reader import (
    BertForNextSentencePredictionReader,
)
from bert_classification.next_sentence_prediction.model import BertForNextSentencePrediction
from bert_classification.next_sentence_prediction.predictor import (
    BertForNextSentencePredictionPredictor,
)
from bert_classification.next_sentence_prediction.report import NextSentenceLines

__all__ = [
    "NextSentenceLines",
    "BertForNextSentencePrediction",
    "BertForNextSentencePredictionPredictor",
    "BertForNextSentencePredictionReader",
]
