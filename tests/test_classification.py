"""Classification: reader, model and predictor against the plain Hugging Face head, on the tiny BERT."""

import json
from pathlib import Path

import pytest
import torch
from allennlp.common.checks import ConfigurationError
from allennlp.common.testing import ModelTestCase
from allennlp.data import Batch, Vocabulary
from allennlp.predictors import Predictor
from transformers import AutoTokenizer, BertForSequenceClassification

from bert_classification import (
    BertForClassification,
    BertForClassificationReader,
    PretrainedBertIndexer,
)
from tests.conftest import BERT, FIXTURES, allennlp, read_json_lines, write_lines

TRAIN = str(FIXTURES / "classification" / "train.jsonl")


@pytest.fixture
def reader() -> BertForClassificationReader:
    return BertForClassificationReader(token_indexers={"bert": PretrainedBertIndexer(BERT)})


@pytest.fixture
def vocab() -> Vocabulary:
    vocab = Vocabulary()
    vocab.add_tokens_to_namespace(["negative", "neutral", "positive"], "labels")
    return vocab


def tensors(instances: list, vocab: Vocabulary) -> dict:
    batch = Batch(instances)
    batch.index_instances(vocab)
    return batch.as_tensor_dict()


class TestModelCase(ModelTestCase):
    def test_trains_saves_and_loads(self) -> None:
        self.set_up_model("training_config/classification.jsonnet", TRAIN)
        self.ensure_model_can_train_save_and_load(self.param_file, tolerance=1e-5)
        self.ensure_batch_predictions_are_consistent()


class TestParity:
    @pytest.mark.parametrize(
        "texts",
        [
            [("The soup was cold.", None)],
            [("It was cold.", "How was the soup?")],
            [("Short.", None), ("A much longer text about a train.", None), ("Two", "texts here")],
        ],
        ids=["single", "pair", "padded batch"],
    )
    def test_logits_and_loss_equal_hugging_face(self, reader, vocab, texts) -> None:
        model = BertForClassification(vocab, BERT).eval()
        instances = [reader.text_to_instance(*text, label="neutral") for text in texts]
        ours = model(**tensors(instances, vocab))

        theirs = BertForSequenceClassification.from_pretrained(BERT, num_labels=3).eval()
        theirs.load_state_dict(model.state_dict())
        tokenizer = AutoTokenizer.from_pretrained(BERT)
        encoded = [tokenizer(*text)["input_ids"] for text in texts]
        padded = tokenizer.pad(
            [tokenizer(*(part for part in text if part)) for text in texts], return_tensors="pt"
        )
        assert len(encoded) == len(texts)
        expected = theirs(**padded, labels=torch.ones(len(texts), dtype=torch.long))
        assert torch.allclose(ours["logits"], expected.logits, atol=1e-5)
        assert torch.allclose(ours["loss"], expected.loss, atol=1e-5)
