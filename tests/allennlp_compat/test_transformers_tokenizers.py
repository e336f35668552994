import pytest
from allennlp.data.token_indexers import PretrainedTransformerIndexer  # noqa: F401  repairs them
from allennlp_models.structured_prediction import SrlReader
from transformers import AutoTokenizer, BertTokenizer

from tests.support import BERT


@pytest.fixture(scope="module")
def tokenizer():
    return AutoTokenizer.from_pretrained(BERT)


def test_from_pretrained_accepts_what_every_call_is_told_again(tokenizer) -> None:
    accepting = AutoTokenizer.from_pretrained(BERT, add_special_tokens=False)
    for each in (True, False):
        expected = tokenizer("The soup", add_special_tokens=each).input_ids
        assert accepting("The soup", add_special_tokens=each).input_ids == expected
    assert accepting("The soup").input_ids == tokenizer("The soup").input_ids


def test_encode_plus_is_a_call(tokenizer) -> None:
    assert tokenizer.encode_plus("The soup", "was") == tokenizer("The soup", "was")
    options = {"max_length": 4, "truncation": True, "padding": "max_length"}
    assert tokenizer.encode_plus("The", **options) == tokenizer("The", **options)


def test_a_batch_holds_texts_words_or_pairs(tokenizer) -> None:
    texts = ["The soup", "was"]
    assert tokenizer.batch_encode_plus(texts) == tokenizer(texts)
    pairs = tokenizer.batch_encode_plus([("The", "soup"), ("was", "cold")])
    assert pairs == tokenizer(["The", "was"], ["soup", "cold"])
    words = [["The", "soup"], ["was"]]
    split = tokenizer.batch_encode_plus(words, is_split_into_words=True)
    assert split == tokenizer(words, is_split_into_words=True)
    assert tokenizer.batch_encode_plus(["a"], padding=True, return_tensors="pt").input_ids.dim()


def test_special_tokens_around_one_text_and_two(tokenizer) -> None:
    first, second = (
        [*tokenizer(text, add_special_tokens=False).input_ids] for text in ("The", "a")
    )
    build = tokenizer.build_inputs_with_special_tokens
    assert build(first) == tokenizer("The").input_ids
    assert build(first, second) == tokenizer("The", "a").input_ids
    assert build([]) == tokenizer("").input_ids


def test_word_pieces_of_a_word_that_is_not_normalized() -> None:
    tokenizer = BertTokenizer.from_pretrained(BERT, do_lower_case=True)
    pieces = tokenizer.wordpiece_tokenizer
    assert pieces.tokenize("the soup") == tokenizer.tokenize("the soup")
    assert pieces.tokenize("THE") != tokenizer.tokenize("THE")
    assert pieces.tokenize("") == []
    assert pieces.tokenize("a" * 101) == ["[UNK]"]


def test_srl_reader_on_bert() -> None:
    from allennlp.data.tokenizers import Token

    reader = SrlReader(bert_model_name=BERT)
    instance = reader.text_to_instance([Token("the"), Token("soup")], [0, 1], ["O", "B-V"])
    assert [token.text for token in instance["tokens"]][:2] == ["[CLS]", "the"]
    assert len(instance["tokens"]) == len(instance["tags"])
