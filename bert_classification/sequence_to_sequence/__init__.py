from bert_classification.sequence_to_sequence.dataset_reader import (
    BertForSequenceToSequenceReader,
)
from bert_classification.sequence_to_sequence.model import BertForSequenceToSequence
from bert_classification.sequence_to_sequence.predictor import BertForSequenceToSequencePredictor

__all__ = [
    "BertForSequenceToSequence",
    "BertForSequenceToSequencePredictor",
    "BertForSequenceToSequenceReader",
]
