"""What the tests of next sentence prediction share."""

from bert_classification import BertForNextSentencePredictionReader, PretrainedBertIndexer
from tests.support import BERT, FIXTURES

DATA = FIXTURES / "next_sentence_prediction"
TRAIN = str(DATA / "train.txt")
PAIR = {"text": "It rained.", "text_pair": "We went home.", "label": "is_next"}


def reader_with(**settings) -> BertForNextSentencePredictionReader:
    indexer = PretrainedBertIndexer(BERT, **settings.pop("indexer", {}))
    return BertForNextSentencePredictionReader(token_indexers={"bert": indexer}, **settings)
