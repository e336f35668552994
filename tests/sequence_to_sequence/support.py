"""What the tests of sequence to sequence share."""

from typing import Any

import torch
from allennlp.data import Batch, Vocabulary
from transformers import AutoTokenizer, EncoderDecoderConfig, EncoderDecoderModel

from bert_classification import (
    BertForSequenceToSequence,
    BertForSequenceToSequencePredictor,
    BertForSequenceToSequenceReader,
    PretrainedBertIndexer,
)
from tests.support import BERT, FIXTURES

DATA = FIXTURES / "sequence_to_sequence"
TOKENIZER = AutoTokenizer.from_pretrained(BERT)
CLS, SEP = TOKENIZER.cls_token_id, TOKENIZER.sep_token_id
SOURCES = ["the old man saw a small boat", "he made some bread", "nobody had two rooms at night"]
TARGETS = ["boat small a saw man old the", "bread some made he", "night at rooms two had nobody"]


def make_reader(**options: Any) -> BertForSequenceToSequenceReader:
    indexers: Any = {"bert": PretrainedBertIndexer(BERT)}
    return BertForSequenceToSequenceReader(token_indexers=indexers, **options)


def make_model(**options: Any) -> BertForSequenceToSequence:
    torch.manual_seed(3)
    given = {"bert_model": BERT, "validation_generation": False, **options}
    model = BertForSequenceToSequence(Vocabulary(), **given).eval()
    with torch.no_grad():
        # Random weights that look at the source, tell one piece from another, let some texts end.
        for layer in model.decoder.bert.encoder.layer:
            for linear in (layer.crossattention.self.query, layer.crossattention.self.value):
                linear.weight.normal_(std=0.6)
        model.decoder.cls.predictions.transform.dense.weight.normal_(std=0.5)
        model.decoder.bert.embeddings.word_embeddings.weight.mul_(8)
        model.decoder.cls.predictions.bias[SEP] = 1.5
    return model


def make_predictor(**options: Any) -> BertForSequenceToSequencePredictor:
    return BertForSequenceToSequencePredictor(make_model(**options), make_reader())


def hugging_face(model: BertForSequenceToSequence, attention: str) -> EncoderDecoderModel:
    """Gives the plain class, built from configurations alone, with the weights of ours."""
    halves = (model.bert.config, model.decoder.config)
    config = EncoderDecoderConfig.from_encoder_decoder_configs(*halves)
    config.decoder_start_token_id, config.pad_token_id = CLS, TOKENIZER.pad_token_id
    for each in (config, config.encoder, config.decoder):
        each._attn_implementation = attention
    theirs = EncoderDecoderModel(config)
    names = {
        f"encoder.{name.removeprefix('bert.')}" if name.startswith("bert.") else name: weight
        for name, weight in model.state_dict().items()
    }
    theirs.load_state_dict(names)
    return theirs.eval()


def tensors(instances: list) -> dict:
    batch = Batch(instances)
    batch.index_instances(Vocabulary())
    return batch.as_tensor_dict()


def training_batch() -> dict:
    reader = make_reader()
    return tensors([reader.text_to_instance(*pair) for pair in zip(SOURCES, TARGETS)])


def their_batch() -> tuple[dict, torch.Tensor]:
    """Gives what the plain class takes: the sources, and the targets as labels without [CLS]."""
    sources = TOKENIZER(SOURCES, padding=True, return_tensors="pt")
    targets = TOKENIZER(TARGETS, padding=True, return_tensors="pt")
    labels = (
        targets["input_ids"].masked_fill(targets["attention_mask"] == 0, -100)[:, 1:].contiguous()
    )
    given = {key: sources[key] for key in ("input_ids", "attention_mask")}
    return given, labels
