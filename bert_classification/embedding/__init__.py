from bert_classification.embedding.dataset_reader import BertForEmbeddingReader
from bert_classification.embedding.model import BertForEmbedding
from bert_classification.embedding.predictor import BertForEmbeddingPredictor
from bert_classification.embedding.report import EmbeddingLines

__all__ = [
    "EmbeddingLines",
    "BertForEmbedding",
    "BertForEmbeddingPredictor",
    "BertForEmbeddingReader",
]
