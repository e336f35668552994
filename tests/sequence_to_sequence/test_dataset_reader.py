"""From a file or a record to a source and a target."""

import logging
from typing import Any

import pytest
from allennlp.common.checks import ConfigurationError

from tests.sequence_to_sequence.support import (
    CLS,
    DATA,
    SEP,
    SOURCES,
    TARGETS,
    TOKENIZER,
    make_reader,
)
from tests.support import read_json_lines, write_lines


def pieces(text: str) -> list[int]:
    return TOKENIZER(text)["input_ids"]


def test_fixture() -> None:
    records = read_json_lines(DATA / "train.jsonl")
    instances = list(make_reader().read(str(DATA / "train.jsonl")))
    for record, instance in zip(records, instances, strict=True):
        assert instance["tokens"].ids.tolist() == pieces(record["source"])
        assert instance["target"].ids.tolist() == pieces(record["target"])


@pytest.mark.parametrize(
    "name, text, options",
    [
        ("a.tsv", "source\ttarget\nthe man\tman the\n", {}),
        ("a.csv", 'target,source\n"man the",the man\n', {}),
        ("a.tsv", "man the\t7\tthe man\n", {"columns": {"source": 2, "target": 0}}),
        ("a.tsv", "en\tde\nthe man\tman the\n", {"columns": {"source": "en", "target": "de"}}),
        ("a.jsonl", '{"text": "the man", "target": "man the"}\n', {}),
        ("a.txt", '{"source": "the man", "target": "man the"}\n', {"format": "jsonl"}),
    ],
)
def test_formats_and_columns(name, text, options, tmp_path) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    (instance,) = make_reader(**options).read(str(tmp_path / name))
    assert instance["tokens"].ids.tolist() == pieces("the man")
    assert instance["target"].ids.tolist() == pieces("man the")


def test_a_text_to_answer_needs_no_target() -> None:
    instance = make_reader().text_to_instance(SOURCES[0], None, {"num_beams": 2})
    request = instance["request"].metadata
    assert set(instance.fields) == {"tokens", "request"}
    assert (request.target, request.cross_attention) == (None, False)
    assert request.prompt.generation.num_beams == 2
    assert request.prompt.generation.max_new_tokens == 127


def test_a_target_to_score_stands_in_the_request() -> None:
    instance = make_reader().text_to_instance(SOURCES[0], TARGETS[0], {"score": True})
    assert set(instance.fields) == {"tokens", "request"}
    assert instance["request"].metadata.target.tolist() == pieces(TARGETS[0])[1:]


class TestLengths:
    def test_longer_texts_are_cut_and_counted(self, tmp_path, caplog) -> None:
        records = [
            {"source": "the " * 9, "target": "a " * 7},
            {"source": "the", "target": "a " * 8},
        ]
        path = write_lines(tmp_path / "long.jsonl", records)
        reader = make_reader(max_source_pieces=6, max_target_pieces=5)
        with caplog.at_level(logging.WARNING):
            instances = list(reader.read(path))
        assert instances[0]["tokens"].ids.tolist() == pieces("the the the the")
        assert instances[1]["target"].ids.tolist() == [CLS, *[pieces("a")[1]] * 3, SEP]
        warnings = [each.getMessage() for each in caplog.records if path in each.getMessage()]
        assert len(warnings) == 2
        assert "1 of the sources were longer than 6 word pieces" in warnings[0]
        assert "2 of the targets were longer than 5" in warnings[1]
        assert "`dataset_reader.max_target_pieces`" in warnings[1]

    @pytest.mark.parametrize("key", ["source", "target"])
    def test_or_an_error(self, key, tmp_path) -> None:
        record = {"source": "the man", "target": "man the", key: "the " * 9}
        path = write_lines(tmp_path / "long.jsonl", [record])
        reader = make_reader(max_source_pieces=6, max_target_pieces=6, long_text="error")
        message = rf"long.jsonl, line 1: `{key}`: 11 word pieces, more than the 6 of `.*max_{key}_"
        with pytest.raises(ConfigurationError, match=message):
            list(reader.read(path))

    def test_what_is_written_is_no_longer_than_a_target(self) -> None:
        request = make_reader(max_target_pieces=9).text_to_instance(SOURCES[0])["request"]
        assert request.metadata.prompt.generation.max_new_tokens == 8


@pytest.mark.parametrize(
    "options, message",
    [
        ({"long_text": "windows"}, "`long_text` is 'windows'; expected `truncate` or `error`"),
        (
            {"max_source_pieces": 2},
            "`dataset_reader.max_source_pieces` is 2; expected from 3 to 128",
        ),
        ({"max_target_pieces": 129}, "`dataset_reader.max_target_pieces` is 129"),
        ({"max_pieces": 9}, "`dataset_reader.max_pieces`: there is no such parameter"),
    ],
)
def test_settings_that_cannot_be(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        make_reader(**options)


@pytest.mark.parametrize(
    "record, message",
    [
        ({"source": "the man"}, "no key `target`; the record has `source`"),
        ({"target": "man the"}, "no key `source`"),
        ({"source": " ", "target": "man the"}, "`source`: the text is empty"),
        ({"source": "the man", "target": ""}, "`target`: the text is empty"),
        ({"source": "the man", "target": None}, "`target`: expected a string, got null"),
        ({"source": ["the"], "target": "the"}, "`source`: expected a string, got a list"),
    ],
)
def test_a_bad_record_names_its_line_and_key(record, message, tmp_path) -> None:
    good = {"source": "the man", "target": "man the"}
    path = write_lines(tmp_path / "bad.jsonl", [good, record])
    with pytest.raises(ConfigurationError, match=f"bad.jsonl, line 2: {message}"):
        list(make_reader().read(path))
