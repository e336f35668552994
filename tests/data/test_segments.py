"""Cutting pairs, as the tokenizers library does."""

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers
from tokenizers.processors import TemplateProcessing

from bert_classification.data.segments import longest_first


@pytest.mark.parametrize("first", [0, 1, 5, 6, 9, 20])
@pytest.mark.parametrize("second", [0, 1, 5, 6, 9, 20])
@pytest.mark.parametrize("room", [7, 10])
def test_longest_first_cuts_as_the_tokenizers_library(first, second, room) -> None:
    tokenizer = Tokenizer(models.WordLevel({"a": 0, "b": 1}, unk_token="a"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = TemplateProcessing("$A:0", "$A:0 $B:1", [])
    tokenizer.enable_truncation(room)
    ids = tokenizer.encode("a " * first, "b " * second).ids
    assert longest_first(first, second, room) == (ids.count(0), ids.count(1))
