from bert_classification.sequence_to_sequence.dataset_reader import (
    BertForSequenceToSequenceReader,
)
from bert_classification.sequence_to_sequence.model import BertForSequenceToSequence
from bert_classification.sequence_to_sequence.predictor import BertForSequenceToSequencePredictor
from bert_classification.sequence_to_sequence.report import SequenceToSequenceLines

__all__ = [
    "SequenceToSequenceLines",
    "BertForSequenceToSequence",
    "BertForSequenceToSequencePredictor",
    "BertForSequenceToSequenceReader",
]
