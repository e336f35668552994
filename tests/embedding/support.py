"""What the tests of embedding share."""

from pathlib import Path
from typing import Any, Optional

import torch
from allennlp.data import Batch, Vocabulary
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
from transformers import AutoTokenizer, BertModel

from bert_classification import (
    BertForEmbedding,
    BertForEmbeddingPredictor,
    BertForEmbeddingReader,
    PretrainedBertIndexer,
)
from tests.support import BERT, FIXTURES

DATA = FIXTURES / "embedding"
TEXTS = ["The soup was cold.", "A long text about a train that was an hour late.", "Why?"]


def make_reader(**settings: Any) -> BertForEmbeddingReader:
    return BertForEmbeddingReader(token_indexers={"bert": PretrainedBertIndexer(BERT)}, **settings)


def make_model(bert_model: Any = BERT, **settings: Any) -> BertForEmbedding:
    return BertForEmbedding(Vocabulary(), bert_model, **settings).eval()


def make_predictor(reader: Optional[dict] = None, **settings: Any) -> BertForEmbeddingPredictor:
    return BertForEmbeddingPredictor(make_model(**settings), make_reader(**(reader or {})))


def tensors(instances: list) -> dict:
    batch = Batch(instances)
    batch.index_instances(Vocabulary())
    return batch.as_tensor_dict()


def hugging_face(texts: list[str]) -> tuple[Any, torch.Tensor]:
    """Gives what the plain class makes of texts, with all hidden states, and their mask."""
    inputs = AutoTokenizer.from_pretrained(BERT)(texts, padding=True, return_tensors="pt")
    with torch.no_grad():
        output = BertModel.from_pretrained(BERT).eval()(**inputs, output_hidden_states=True)
    return output, inputs["attention_mask"].unsqueeze(-1).bool()


def save_modules(directory: Path, *others: Any, pooling: str = "mean") -> str:
    """Saves the tiny BERT as sentence-transformers does."""
    bert = Transformer(BERT)
    modules = [bert, Pooling(bert.get_embedding_dimension(), pooling), *others]
    SentenceTransformer(modules=modules, device="cpu").save(str(directory))
    return str(directory)
