"""Records to texts, and what is wrong with them."""

import pytest
from allennlp.common.checks import ConfigurationError

from bert_classification.data.records import RecordError
from tests.embedding.support import DATA, make_reader
from tests.support import write_lines


def read(tmp_path, record: dict, **settings) -> list:
    return list(make_reader(**settings).read(write_lines(tmp_path / "in.jsonl", [record])))


def test_a_pair_with_a_score() -> None:
    instances = list(make_reader().read(DATA / "train.jsonl"))
    assert len(instances) == 45 and set(instances[0].fields) == {"tokens", "label"}
    assert len(instances[0]["tokens"].field_list) == 2
    assert instances[0]["label"].tensor.item() == pytest.approx(0.9)


def test_texts_to_be_found_and_their_negatives() -> None:
    first, second, *_ = make_reader(objective="ranking").read(DATA / "ranking.jsonl")
    assert [len(each["tokens"].field_list) for each in (first, second)] == [3, 2]
    assert len(set(first["text_ids"].tensor.tolist())) == 3 and "label" not in first.fields


def test_equal_texts_have_equal_ids(tmp_path) -> None:
    record = {"text": "It rained.", "text_pair": "It  rained.", "negatives": ["It snowed."]}
    (instance,) = read(tmp_path, record, objective="ranking")
    text, same, other = instance["text_ids"].tensor.tolist()
    assert text == same != other and 0 not in (text, other)


def test_simcse_reads_the_text_alone(tmp_path) -> None:
    (instance,) = read(tmp_path, {"text": "It rained.", "label": "?"}, objective="simcse")
    assert len(instance["tokens"].field_list) == len(instance["text_ids"].tensor) == 1


def test_scores_of_another_range(tmp_path) -> None:
    pair = {"text": "a", "text_pair": "b", "label": 4.0}
    (instance,) = read(tmp_path, pair, label_range=[0, 5])
    assert instance["label"].tensor.item() == pytest.approx(0.8)


def test_long_texts_in_windows() -> None:
    reader = make_reader(long_text="windows", doc_stride=50)
    long = "the train was late and " * 80
    windows = reader.text_to_instance(long, "Why?")["tokens"].field_list
    assert len(windows[0].field_list) > 2 and len(windows[1].field_list) == 1
    with pytest.raises(RecordError, match="a text of"):
        make_reader(long_text="error").text_to_instance(long)


@pytest.mark.parametrize(
    "settings, record, message",
    [
        ({}, {"text": "a", "label": 1}, "no key `text_pair`"),
        ({}, {"text": "a", "text_pair": "b"}, "no key `label`"),
        ({}, {"text": "a", "text_pair": "b", "label": "high"}, "`label`: expected a number"),
        ({}, {"text": "a", "text_pair": "b", "label": 4.5}, "4.5 is not in the range from -1 to 1"),
        ({"label_range": [0, 5]}, {"text": "a", "text_pair": "b", "label": 6}, "from 0 to 5"),
        ({"objective": "ranking"}, {"text": "a"}, "no key `text_pair`"),
        (
            {"objective": "ranking"},
            {"text": "a", "text_pair": "b", "negatives": "c"},
            "`negatives`: expected a list of texts, got a string",
        ),
        (
            {"objective": "ranking"},
            {"text": "a", "text_pair": "b", "negatives": ["c", " "]},
            r"`negatives\[1\]`: the text is empty",
        ),
        ({"objective": "simcse"}, {"text": ""}, "`text`: the text is empty"),
    ],
)
def test_what_is_wrong_with_a_record(tmp_path, settings, record, message) -> None:
    with pytest.raises(ConfigurationError, match=f"in.jsonl, line 1: .*{message}"):
        read(tmp_path, record, **settings)


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"objective": "triplet"}, "`objective` is 'triplet'; expected one of similarity"),
        ({"long_text": "cut"}, "`long_text` is 'cut'"),
        ({"label_range": [5, 0]}, r"`label_range` is \[5, 0\]"),
        ({"label_range": [5]}, r"`label_range` is \[5\]"),
    ],
)
def test_unknown_settings(settings, message) -> None:
    with pytest.raises(ConfigurationError, match=message):
        make_reader(**settings)
