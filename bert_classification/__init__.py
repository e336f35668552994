"""
Every BERT head for AllenNLP: importing this package registers its models, readers, predictors and
commands.
"""

import importlib.util

import allennlp_compat

allennlp_compat.install()

if importlib.util.find_spec("allennlp") is None:
    raise ModuleNotFoundError(
        "bert_classification needs AllenNLP: run `bert-classification install-allennlp`."
    )

from bert_classification.archives.opening import trusted_archives
from bert_classification.bert.token_embedder import PretrainedBertEmbedder
from bert_classification.causal_lm import *
from bert_classification.classification import *
from bert_classification.commands import (
    attack,
    calibrate,
    check_data,
    compare,
    convert,
    cross_validate,
    demo,
    embed,
    explain,
    export_hf,
    from_hf,
    influence,
    init_config,
    probe,
    report,
    select,
    to_safetensors,
)
from bert_classification.data.basic_tokenizer import BertBasicTokenizer
from bert_classification.data.batch_sampler import TokenBudgetSampler
from bert_classification.data.token_indexer import PretrainedBertIndexer
from bert_classification.embedding import *
from bert_classification.masked_lm import *
from bert_classification.multiple_choice import *
from bert_classification.next_sentence_prediction import *
from bert_classification.pretraining import *
from bert_classification.question_answering import *
from bert_classification.replacements import apply_replacements
from bert_classification.sequence_to_sequence import *
from bert_classification.token_classification import *
from bert_classification.training import bfloat16_trainer, nearest_examples, random_state

apply_replacements()
