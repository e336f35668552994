"""The shapes in which data sets of multiple choice come."""

import pytest

from tests.multiple_choice.support import DATA, ends_with


@pytest.mark.parametrize(
    "name, index, prompt, choice, label",
    [
        ("swag.csv", 1, "a girl throws a ball.", "the dog runs after it.", 2),
        (
            "cosmos.csv",
            1,
            "so my brother drove to the shop. how many plates did he buy?",
            "3",
            1,
        ),
        ("commonsense.jsonl", 0, "where does a family hang up wet coats?", "hall", 1),
        ("commonsense.jsonl", 1, "which of these comes from a sheep?", "wool", 3),
        (
            "race.json",
            0,
            "in his bag. how does emil get to the village?",
            "by bicycle",
            2,
        ),
        ("race.json", 1, "in his bag. what does he bring his aunt?", "a letter", 0),
    ],
)
def test_shapes(reader, name, index, prompt, choice, label) -> None:
    instance = list(reader.read(str(DATA / name)))[index]
    assert instance["label"].label == label
    assert instance["choices"].metadata[label].lower() == choice
    assert ends_with(reader, instance["tokens"][label], prompt, choice)
