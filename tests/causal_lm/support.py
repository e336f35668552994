"""What the tests of causal language modelling share."""

from typing import Any

import torch
from allennlp.data import Batch, Vocabulary
from transformers import AutoTokenizer, BertLMHeadModel

from bert_classification import BertForCausalLM, BertForCausalLMReader, PretrainedBertIndexer
from tests.support import BERT, FIXTURES

DATA = FIXTURES / "causal_lm"
TOKENIZER = AutoTokenizer.from_pretrained(BERT)
SEP = TOKENIZER.sep_token_id
TEXTS = ["The soup was cold.", "Short", "The ferry left the island at seven, an hour late. 🙂"]


def reader(**options: Any) -> BertForCausalLMReader:
    return BertForCausalLMReader(token_indexers={"bert": PretrainedBertIndexer(BERT)}, **options)


def make_model(**options: Any) -> BertForCausalLM:
    torch.manual_seed(3)
    model = BertForCausalLM(Vocabulary(), **{"bert_model": BERT, **options}).eval()
    with torch.no_grad():
        # Random weights that tell one piece from another, and let some texts end.
        model.cls.predictions.transform.dense.weight.normal_(std=0.5)
        model.bert.embeddings.word_embeddings.weight.mul_(8)
        model.cls.predictions.bias[SEP] = 1.5
    return model


def hugging_face(model: BertForCausalLM, attention: str = "eager") -> BertLMHeadModel:
    theirs = BertLMHeadModel.from_pretrained(BERT, is_decoder=True, attn_implementation=attention)
    theirs.load_state_dict(model.state_dict())
    return theirs.eval()


def tensors(instances: list) -> dict:
    batch = Batch(instances)
    batch.index_instances(Vocabulary())
    return batch.as_tensor_dict()


def is_tied(model: BertForCausalLM) -> bool:
    return model.cls.predictions.decoder.weight is model.bert.embeddings.word_embeddings.weight
