from bert_classification.embedding.dataset_reader import BertForEmbeddingReader
from bert_classification.embedding.model import BertForEmbedding
from bert_classification.embedding.predictor import BertForEmbeddingPredictor

__all__ = [
    "BertForEmbedding",
    "BertForEmbeddingPredictor",
    "BertForEmbeddingReader",
]
