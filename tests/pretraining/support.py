"""What the tests of pre-training share."""

from typing import Any

from bert_classification import BertForPreTrainingReader, PretrainedBertIndexer
from tests.support import BERT, FIXTURES

DATA = FIXTURES / "pretraining"
CONFIG = "training_config/pretraining.jsonnet"
TRAIN = str(DATA / "train.txt")
PAIR = {"text": "The [MASK] was cold.", "text_pair": "We ate [MASK] and [MASK]."}


def make_reader(max_pieces: int = 128, **options: Any) -> BertForPreTrainingReader:
    indexer = PretrainedBertIndexer(BERT, max_pieces=max_pieces)
    return BertForPreTrainingReader(token_indexers={"bert": indexer}, **options)


def segments(instance: Any) -> tuple[list[int], list[int], int]:
    """Gives the ids of both segments without special pieces, and the label."""
    tokens = instance["tokens"]
    ids = tokens.ids.tolist()
    label = instance["next_sentence_label"].label
    return ids[1 : tokens.second - 1], ids[tokens.second : -1], label
