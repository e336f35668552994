"""Word pieces as tokens that may be changed."""

import copy

import numpy
import pytest
from allennlp.common.checks import ConfigurationError
from allennlp.data import Batch, Instance, Token, Vocabulary
from allennlp.data.fields import ListField

from bert_classification.bert.word_pieces import WordPieceTokenizer
from bert_classification.data.piece_names import add_piece_names
from bert_classification.data.piece_tokens import TokensField
from bert_classification.data.segments import join_segments
from bert_classification.data.text_field import WordPieceField
from tests.support import BERT

TOKENIZER = WordPieceTokenizer(BERT)
VOCABULARY = Vocabulary()


def text_field(*texts: str) -> WordPieceField:
    ids = TOKENIZER.ids(texts)
    joined, second = join_segments(TOKENIZER, *ids)
    return WordPieceField(joined, second, "bert", TOKENIZER.pad_id)


def tensors_of(*fields):
    instances = [Instance({"tokens": field}) for field in fields]
    batch = Batch(instances)
    batch.index_instances(VOCABULARY)
    return batch.as_tensor_dict()["tokens"]["bert"]


@pytest.mark.parametrize(
    "field",
    [
        text_field("the new was cold"),
        text_field("the new", "was cold"),
        ListField([text_field("the new"), text_field("was", "it cold")]),
    ],
)
def test_untouched_it_gives_the_same_tensors(field) -> None:
    tokens = TokensField(field, TOKENIZER)
    others = TokensField(copy.deepcopy(field), TOKENIZER)
    assert len(others.tokens) == others.sequence_length() == sum(others.lengths)
    for key, expected in tensors_of(field, field).items():
        assert tensors_of(tokens, others)[key].equal(expected)


def test_texts_and_types_of_tokens() -> None:
    tokens = TokensField(text_field("the new", "was"), TOKENIZER).tokens
    assert [token.text for token in tokens] == ["[CLS]", "the", "new", "[SEP]", "was", "[SEP]"]
    assert [token.type_id for token in tokens] == [0, 0, 0, 0, 1, 1]
    assert [token.is_special for token in tokens] == [True, False, False, True, False, True]


def test_a_token_is_exchanged() -> None:
    field = TokensField(text_field("the new was cold"), TOKENIZER)
    field.tokens[2] = Token("was")
    ids = tensors_of(field)["input_ids"][0].tolist()
    assert ids[2] == ids[3] == TOKENIZER.token_to_id("was")
    assert field.tokens[2].text_id == ids[2]


def test_what_is_taken_out_is_hidden_and_keeps_its_place() -> None:
    field = TokensField(ListField([text_field("the new"), text_field("was it")]), TOKENIZER)
    field.tokens = [token for token in field.tokens if token.text != "new"]
    mask = tensors_of(field)["mask"][0]
    assert numpy.flatnonzero(~mask[0].numpy()).tolist() == [2]
    assert len(field.tokens) == mask.sum()
    field.tokens[1] = Token("was")
    assert tensors_of(field)["input_ids"][0, 0, 1] == TOKENIZER.token_to_id("was")


def test_a_copy_is_changed_alone() -> None:
    field = TokensField(text_field("the new"), TOKENIZER)
    copied = copy.deepcopy(field)
    copied.tokens[1] = Token("was")
    copied.index(VOCABULARY)
    assert [token.text for token in field.tokens][1] == "the"
    assert field.ids[1] != copied.ids[1]


def test_tokens_that_cannot_be() -> None:
    field = TokensField(text_field("the new"), TOKENIZER)
    field.tokens[1] = Token("thesoup")
    with pytest.raises(ConfigurationError, match="'thesoup' is no word piece of this BERT"):
        field.index(VOCABULARY)
    field = TokensField(text_field("the new"), TOKENIZER)
    field.tokens = field.tokens[1:]
    with pytest.raises(ConfigurationError, match=r"\[CLS\] was taken out"):
        field.index(VOCABULARY)
    field = TokensField(text_field("the new"), TOKENIZER)
    field.tokens = [*field.tokens[:1], Token("the"), *field.tokens[3:]]
    with pytest.raises(ConfigurationError, match="'the' is new, and others were taken out"):
        field.index(VOCABULARY)


def test_a_vocabulary_knows_the_names_of_pieces() -> None:
    vocab = Vocabulary()
    add_piece_names(vocab, TOKENIZER, embedded=len(TOKENIZER) + 3)
    index = vocab.get_token_index("the", "tokens")
    assert vocab.get_token_from_index(index, "tokens") == "the"
    names = vocab.get_index_to_token_vocabulary("tokens")
    assert [names[len(names) - 1], len(names)] == ["[UNK]", len(TOKENIZER) + 3]
    assert vocab.get_vocab_size("tokens") == len(TOKENIZER)


def test_a_namespace_of_that_name_stays() -> None:
    vocab = Vocabulary()
    vocab.add_token_to_namespace("a label", "tokens")
    add_piece_names(vocab, TOKENIZER, embedded=10)
    assert vocab.get_token_from_index(2, "tokens") == "a label"


def test_names_of_pieces_are_not_saved(tmp_path) -> None:
    vocab = Vocabulary()
    vocab.add_token_to_namespace("good", "labels")
    add_piece_names(vocab, TOKENIZER, embedded=10)
    vocab.save_to_files(str(tmp_path / "vocabulary"))
    assert sorted(path.name for path in (tmp_path / "vocabulary").glob("*.txt")) == [
        "labels.txt",
        "non_padded_namespaces.txt",
    ]
    assert vocab.get_token_from_index(7, "tokens") == TOKENIZER.convert_ids_to_tokens([7])[0]
