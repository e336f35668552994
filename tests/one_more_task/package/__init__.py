from bert_classification.text_similarity.dataset_reader import BertForTextSimilarityReader
from bert_classification.text_similarity.model import BertForTextSimilarity
from bert_classification.text_similarity.predictor import BertForTextSimilarityPredictor

__all__ = [
    "BertForTextSimilarity",
    "BertForTextSimilarityPredictor",
    "BertForTextSimilarityReader",
]
