"""
Every BERT head for AllenNLP: importing this package registers its models, readers, predictors and
commands.
"""

import importlib.util

import allennlp_compat

allennlp_compat.install()

if importlib.util.find_spec("allennlp") is None:
    raise ModuleNotFoundError(
        "bert_classification needs AllenNLP: pip install --no-deps allennlp==2.10.1 "
        "allennlp-models==2.10.1"
    )

from bert_classification import predict_command  # noqa: E402, F401
from bert_classification.classification import (  # noqa: E402
    BertForClassification,
    BertForClassificationPredictor,
    BertForClassificationReader,
)
from bert_classification.data_loader import OrderedDataLoader  # noqa: E402
from bert_classification.masked_lm import (  # noqa: E402
    BertForMaskedLM,
    BertForMaskedLMPredictor,
    BertForMaskedLMReader,
)
from bert_classification.serving import Serve  # noqa: E402
from bert_classification.token_indexer import PretrainedBertIndexer  # noqa: E402
from bert_classification.tokenization import BertBasicTokenizer  # noqa: E402

__all__ = [
    "BertBasicTokenizer",
    "BertForClassification",
    "BertForClassificationPredictor",
    "BertForClassificationReader",
    "BertForMaskedLM",
    "BertForMaskedLMPredictor",
    "BertForMaskedLMReader",
    "OrderedDataLoader",
    "PretrainedBertIndexer",
    "Serve",
]
