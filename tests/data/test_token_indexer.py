from typing import Iterator

import pytest
from allennlp.common import Params
from allennlp.common.checks import ConfigurationError
from allennlp.data import DatasetReader, Instance, Token, TokenIndexer, Vocabulary
from allennlp.data.fields import LabelField, TextField
from allennlp.data.tokenizers import WhitespaceTokenizer
from transformers import AutoTokenizer

from bert_classification import PretrainedBertIndexer
from bert_classification.data.records import read_records
from tests.support import BERT, FIXTURES, allennlp

VOCAB = Vocabulary()


def tokens(text: str) -> list[Token]:
    return WhitespaceTokenizer().tokenize(text)


def index(words: list[Token], **settings) -> dict:
    return PretrainedBertIndexer(BERT, **settings).tokens_to_indices(words, VOCAB)


def test_ids_and_types_equal_transformers_for_texts_and_pairs() -> None:
    tokenizer = AutoTokenizer.from_pretrained(BERT)
    one, two = "the soup was cold", "how was the soup"
    single = index(tokens(one))
    assert single["input_ids"] == tokenizer(one)["input_ids"]
    pair = index([*tokens(one), *(Token(word.text, type_id=1) for word in tokens(two))])
    expected = tokenizer(one, two)
    assert pair["input_ids"] == expected["input_ids"]
    assert pair["token_type_ids"] == expected["token_type_ids"]


def test_special_tokens_are_added_once() -> None:
    plain = index(tokens("the soup"))
    brought = index(tokens("[CLS] the soup [SEP]"))
    assert plain["input_ids"] == brought["input_ids"]
    pair = index(tokens("[CLS] the soup [SEP] was cold [SEP]"))
    assert pair["token_type_ids"].count(1) == len(pair["input_ids"]) - plain["input_ids"].__len__()
    assert pair["input_ids"].count(3) == 2


@pytest.mark.parametrize("use_starting_offsets", [False, True])
def test_offsets_point_to_each_word(use_starting_offsets) -> None:
    words = tokens("the unbelievable soup")
    result = index(words, use_starting_offsets=use_starting_offsets)
    pieces = PretrainedBertIndexer(BERT).tokenizer.convert_ids_to_tokens(result["input_ids"])
    first, middle, last = result["offsets"]
    assert pieces[first] == "the" and first == 1
    assert pieces[middle].startswith("##") is not use_starting_offsets
    assert not pieces[middle + (0 if use_starting_offsets else 1)].startswith("##")
    assert last < len(pieces) - 1


def test_a_word_without_pieces_is_unknown_and_keeps_its_offset() -> None:
    result = index([Token("the"), Token("\u200b"), Token("soup")])
    assert result["input_ids"][result["offsets"][1]] == 1


def test_long_pairs_are_cut_longest_first_and_offsets_stay_inside() -> None:
    words = [Token("the")] * 10 + [Token("soup", type_id=1)] * 40
    result = index(words, max_pieces=24)
    assert len(result["input_ids"]) == 24
    assert result["token_type_ids"].count(0) == 12
    assert max(result["offsets"]) == 23
    tokenizer = AutoTokenizer.from_pretrained(BERT)
    texts = (" ".join(["the"] * 10), " ".join(["soup"] * 40))
    expected = tokenizer(*texts, truncation="longest_first", max_length=24)["input_ids"]
    assert result["input_ids"] == expected


def test_long_text_is_an_error_when_it_may_not_be_cut() -> None:
    with pytest.raises(ConfigurationError, match="52 word pieces.*max_pieces.*24"):
        index([Token("the")] * 50, max_pieces=24, truncate_long_sequences=False)


def test_padding() -> None:
    indexer = PretrainedBertIndexer(BERT)
    fields = [TextField(tokens(text), {"bert": indexer}) for text in ("the", "the soup was cold")]
    for field in fields:
        field.index(VOCAB)
    lengths = fields[1].get_padding_lengths()
    tensors = fields[0].as_tensor(lengths)["bert"]
    assert tensors["mask"].tolist() == [True] * 3 + [False] * (len(tensors["mask"]) - 3)
    assert tensors["input_ids"][3:].eq(0).all()


@DatasetReader.register("somebody_elses", exist_ok=True)
class SomebodyElsesReader(DatasetReader):
    """A reader that knows nothing of BERT: words at white space, any indexers."""

    def __init__(self, token_indexers: dict[str, TokenIndexer], **kwargs) -> None:
        super().__init__(**kwargs)
        self._token_indexers = token_indexers

    def _read(self, file_path: str) -> Iterator[Instance]:
        for record in read_records(file_path):
            yield self.text_to_instance(record.values["text"], record.values["label"])

    def text_to_instance(self, text: str, label: str) -> Instance:
        return Instance({"tokens": TextField(tokens(text)), "label": LabelField(label)})

    def apply_token_indexers(self, instance: Instance) -> None:
        instance["tokens"].token_indexers = self._token_indexers


def test_any_reader_trains_with_the_indexer(tmp_path) -> None:
    config = Params.from_file("training_config/classification.jsonnet")
    config["dataset_reader"]["type"] = "somebody_elses"
    config["data_loader"] = {"batch_size": 16, "num_workers": 1}
    config.to_file(str(tmp_path / "config.json"))
    allennlp("train", tmp_path / "config.json", "-s", tmp_path / "out")
    dev = FIXTURES / "classification" / "dev.jsonl"
    allennlp("evaluate", tmp_path / "out" / "model.tar.gz", dev)
