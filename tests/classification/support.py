"""What the tests of classification share."""

from allennlp.data import Batch, Vocabulary

from bert_classification import BertForClassificationReader, PretrainedBertIndexer
from tests.support import BERT


def tensors(instances: list, vocab: Vocabulary) -> dict:
    batch = Batch(instances)
    batch.index_instances(vocab)
    return batch.as_tensor_dict()


MULTI = "multi_label_classification"
NUMBER = "regression"


def make_reader(**settings) -> BertForClassificationReader:
    return BertForClassificationReader(
        token_indexers={"bert": PretrainedBertIndexer(BERT)}, **settings
    )
