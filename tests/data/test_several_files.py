"""A path that is a list or a glob, and lists of JSON."""

import json

import pytest
from allennlp.common.checks import ConfigurationError

from bert_classification.data.data_loader import OrderedDataLoader
from bert_classification.data.files import expand_paths
from bert_classification.data.records import read_records
from tests.classification.support import make_reader
from tests.support import write_lines


@pytest.fixture
def folder(tmp_path):
    for name, size in (("a", 5), ("b", 2), ("c", 6)):
        lines = [{"text": f"{name} {index}", "label": "x"} for index in range(size)]
        write_lines(tmp_path / f"{name}.jsonl", lines)
    return tmp_path


def texts(instances) -> list[list[int]]:
    return [instance["tokens"].ids.tolist() for instance in instances]


def test_files_are_read_one_after_the_other_by_any_number_of_workers(folder) -> None:
    reader = make_reader()
    paths = [str(folder / f"{name}.jsonl") for name in "abc"]
    expected = [each for path in paths for each in texts(reader.read(path))]
    assert texts(reader.read(str(folder / "*.jsonl"))) == expected and len(expected) == 13
    assert texts(reader.read([paths[0], str(folder / "[bc].jsonl")])) == expected
    loader = OrderedDataLoader(reader, paths, batch_size=4, num_workers=3)
    assert texts(loader.iter_instances()) == expected


def test_paths_that_are_none(folder) -> None:
    with pytest.raises(ConfigurationError, match=r"\*.csv: no file fits this pattern"):
        expand_paths(str(folder / "*.csv"))
    with pytest.raises(ConfigurationError, match="the list of files to read is empty"):
        expand_paths([])
    with pytest.raises(ConfigurationError, match="expected the path of a file, or a list"):
        expand_paths({"a": 1})
    named = folder / "[x].jsonl"
    named.write_text("")
    assert expand_paths(str(named)) == [str(named)]
    assert expand_paths("https://host/a?b=*") == ["https://host/a?b=*"]


RECORDS = [{"text": "[a]\n", "label": 1}, {"text": "b", "label": None}]


@pytest.mark.parametrize("indent", [None, 2])
def test_a_list_of_json_is_read_like_its_lines(tmp_path, indent) -> None:
    path = tmp_path / "a.json"
    path.write_text(f"\n {json.dumps(RECORDS, indent=indent)}\n", encoding="utf-8")
    records = list(read_records(str(path)))
    assert [record.values for record in records] == RECORDS
    assert [record.line for record in records] == ([2, 2] if indent is None else [3, 7])


@pytest.mark.parametrize(
    "text, message",
    [
        ('[\n{"a": 1},\n{"a" 2}]', r"a.json, line 3: not valid JSON .* in the list of records"),
        ('[{"a": 1}\n{"a": 2}]', "line 2: not valid JSON"),
        ('[{"a": 1},', "line 1: not valid JSON"),
        ('[\n{"a": 1},\n3]', r"line 3: expected a JSON object, got a number \(3\)"),
        ('[{"a": 1}]\n{"a": 2}', "after the list of records"),
        ("[]", "no record in this file"),
        ("[" * 9999, "nested too deeply"),
    ],
)
def test_a_bad_list_is_named_with_its_line(tmp_path, text, message) -> None:
    path = tmp_path / "a.json"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=message):
        list(read_records(str(path)))


def test_a_header_once_more_is_no_row(tmp_path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("text,label\na,x\ntext,label\nb,y\n")
    with pytest.raises(ConfigurationError, match=r"a\.csv, line 3: the header once more"):
        list(make_reader().read(str(path)))
