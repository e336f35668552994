"""Entities of words and tags."""

from bert_classification.token_classification.alignment import join_words
from bert_classification.token_classification.entities import find_entities


def test_of_words_and_tags() -> None:
    words = join_words(["Tom", "Berg", "likes", "São Paulo", "😀", "Oslo"])
    tags = ["B-PER", "I-PER", "O", "I-LOC", "I-ORG", "B-ORG"]
    found = find_entities(words, tags, [0.5, 1.0, 0.9, 0.25, 0.75, 0.5])
    assert [tuple(entity.values()) for entity in found] == [
        ("Tom Berg", "PER", 0, 8, 0.75),
        ("São Paulo", "LOC", 15, 24, 0.25),
        ("😀", "ORG", 25, 26, 0.75),
        ("Oslo", "ORG", 27, 31, 0.5),
    ]
