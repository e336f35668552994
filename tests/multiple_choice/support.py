"""What the tests of multiple choice share."""

from bert_classification import BertForMultipleChoiceReader, PretrainedBertIndexer
from tests.support import BERT, FIXTURES

DATA = FIXTURES / "multiple_choice"
RECORD = {"prompt": "To cut bread you need", "choices": ["a pillow", "a knife"], "label": 1}


def reader_with(**settings) -> BertForMultipleChoiceReader:
    indexer = PretrainedBertIndexer(BERT, **settings.pop("indexer", {}))
    return BertForMultipleChoiceReader(token_indexers={"bert": indexer}, **settings)


def ends_with(reader: BertForMultipleChoiceReader, field, prompt: str, choice: str) -> bool:
    expected = reader.tokenizer.pretrained(prompt, choice)["input_ids"][1:]
    return field.ids[-len(expected) :].tolist() == expected
