"""What the tests of interpretation share."""

import random
from pathlib import Path
from typing import Any, NamedTuple

import torch
from allennlp.data import Batch, Vocabulary
from allennlp.predictors import Predictor

from bert_classification import (
    BertForClassification,
    BertForClassificationPredictor,
    BertForClassificationReader,
    PretrainedBertIndexer,
)
from tests.support import BERT, FIXTURES, write_lines


def predictor_of(task: str) -> Any:
    """
    Gives a predictor whose answers depend on the words: the archive of a task, whose tiny BERT says
    nearly the same to all texts, with the difference made large.
    """
    predictor = Predictor.from_path(FIXTURES / "archives" / f"{task}.tar.gz")
    model: Any = predictor._model
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        embeddings = model.bert.embeddings.word_embeddings.weight
        embeddings.copy_(torch.randn(embeddings.shape, generator=generator))
        for name in ("classifier", "qa_outputs"):
            if hasattr(model, name):
                getattr(model, name).weight.mul_(100)
        if hasattr(model, "cls") and hasattr(model.cls, "seq_relationship"):
            model.cls.seq_relationship.weight.mul_(100)
    return predictor


class Planted(NamedTuple):
    """
    A model whose answers hang on one word of each text, and its training: `texts`, with their
    labels, and a file of them.
    """

    predictor: Any
    deciding: dict[str, str]
    texts: list[tuple[str, str]]
    path: str


DECIDING = {"new": "good", "old": "bad"}
OTHERS = "the was and she it of in at we to a from".split()


def planted_texts(count: int, seed: int) -> list[tuple[str, str]]:
    """Draws texts of common words, each with one that decides, of both kinds in turn."""
    generator = random.Random(seed)
    texts = []
    for index in range(count):
        word, label = list(DECIDING.items())[index % 2]
        words = generator.sample(OTHERS, 6)
        words.insert(generator.randrange(6), word)
        texts.append((" ".join(words), label))
    return texts


def train_planted(texts: list[tuple[str, str]], path: Path, steps: int = 100) -> Planted:
    """Trains the tiny BERT for some seconds."""
    torch.manual_seed(0)
    indexers = {"bert": PretrainedBertIndexer(BERT)}
    reader = BertForClassificationReader(token_indexers=indexers)
    file = write_lines(path, [{"text": text, "label": label} for text, label in texts])
    instances = list(reader.read(file))
    vocab = Vocabulary.from_instances(instances)
    model = BertForClassification(vocab, BERT)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    generator = random.Random(0)
    for _ in range(steps):
        batch = Batch(generator.sample(instances, 32))
        batch.index_instances(vocab)
        optimizer.zero_grad()
        model(**batch.as_tensor_dict())["loss"].backward()
        optimizer.step()
    optimizer.zero_grad()
    predictor = BertForClassificationPredictor(model, reader)
    return Planted(predictor, DECIDING, texts, file)
