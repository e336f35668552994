"""What may be asked for in place of masks, and what it costs."""

import pytest

from bert_classification.bert.word_pieces import WordPieceTokenizer
from bert_classification.data.records import RecordError
from bert_classification.objectives import mask_filling
from bert_classification.objectives.mask_filling import fill_in, parse_fill_mask_query
from tests.support import BERT


@pytest.fixture(scope="module")
def tokenizer() -> WordPieceTokenizer:
    return WordPieceTokenizer(BERT)


def query(tokenizer: WordPieceTokenizer, text: str = "a [MASK]", **values):
    return parse_fill_mask_query(values, (text,), tokenizer)


def test_a_target_is_looked_up_without_the_whole_vocabulary(tokenizer, monkeypatch) -> None:
    vocabulary = tokenizer.pretrained.get_vocab()

    def refuse(self) -> None:
        raise AssertionError("the vocabulary is as long as a book")

    monkeypatch.setattr(type(tokenizer.pretrained), "get_vocab", refuse)
    pieces = list(vocabulary)
    found = query(tokenizer, targets=pieces).target_ids
    assert found == [vocabulary[piece] for piece in pieces]
    assert query(tokenizer, targets=["  the "]).target_ids == [vocabulary["the"]]


@pytest.mark.parametrize(
    "values, message",
    [
        ({"targets": ["the"] * 601}, "`targets`: 601 are more than the 600 word pieces there are"),
        ({"targets": ["\ud800"]}, "`targets`: half a surrogate pair"),
        ({"targets": ["x" * 10_000]}, "is not one word piece of this BERT"),
        ({"top_k": 10**4000}, "`top_k`: expected a whole number from 1 to 600"),
    ],
)
def test_what_is_out_of_bounds_is_said_in_few_words(tokenizer, values, message) -> None:
    with pytest.raises(RecordError, match=message) as error:
        query(tokenizer, **values)
    assert len(str(error.value)) < 300


def test_the_fills_of_a_record_are_bounded(tokenizer, monkeypatch) -> None:
    monkeypatch.setattr(mask_filling, "MAX_FILLS", 1000)
    with pytest.raises(RecordError, match="600 word pieces for each of 2 masks are 1200"):
        query(tokenizer, "[MASK] [MASK]", top_k=600)
    assert query(tokenizer, "[MASK] [MASK]", top_k=600, targets=["the", "a"]).top_k == 600
    assert query(tokenizer, "[MASK]", top_k=600).top_k == 600


def test_many_masks_are_filled_in_turn() -> None:
    assert fill_in("M " * 500, "M", (f"p{index}" for index in range(500))) == "".join(
        f"p{index} " for index in range(500)
    )
    assert fill_in("a M M", "M", ["##b", "c"]) == "ab c"
