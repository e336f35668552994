"""
Every BERT head for AllenNLP: importing this package registers its models, readers, predictors and
commands.
"""

import importlib.util

import allennlp_compat

allennlp_compat.install()

if importlib.util.find_spec("allennlp") is None:
    raise ModuleNotFoundError(
        "bert_classification needs AllenNLP: "
        "pip install --no-deps allennlp==2.10.1 allennlp-models==2.10.1"
    )

from bert_classification import (
    batch_sampler,
    bfloat16_trainer,
    config_checks,
    data_loader,
    export,
    fine_tuning,
    opening,
    predict_command,
    random_state,
    safetensors_command,
)
from bert_classification.causal_lm import *
from bert_classification.classification import *
from bert_classification.masked_lm import *
from bert_classification.multiple_choice import *
from bert_classification.next_sentence_prediction import *
from bert_classification.pretraining import *
from bert_classification.question_answering import *
from bert_classification.serving import Serve
from bert_classification.token_classification import *
from bert_classification.token_indexer import PretrainedBertIndexer
from bert_classification.tokenization import BertBasicTokenizer
