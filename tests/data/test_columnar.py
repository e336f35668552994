"""Parquet, Arrow and directories of `datasets`, read like the JSON lines of the same records."""

import datetime
import json

import datasets
import pyarrow
import pytest
from allennlp.common.checks import ConfigurationError
from pyarrow import feather, parquet

from bert_classification.data import columnar
from bert_classification.data.records import read_records

RECORDS = [
    {"text": "Café ☕", "label": "yes", "tokens": ["Café", "☕"], "id": 1, "note": None},
    {"text": "No.", "label": "no", "tokens": [], "id": 2, "note": {"by": "me"}},
    {"text": "Twice", "label": "no", "tokens": ["Twice"], "id": 3, "note": {"by": None}},
]


def values(path: object, **settings) -> list[dict]:
    return [record.values for record in read_records(str(path), **settings)]


@pytest.fixture
def files(tmp_path, monkeypatch) -> dict[str, str]:
    monkeypatch.setattr(columnar, "ROWS_AT_ONCE", 2)
    table = pyarrow.Table.from_pylist(RECORDS)
    paths = {name: tmp_path / name for name in ("a.parquet", "a.arrow", "b.arrow", "dir")}
    parquet.write_table(table, paths["a.parquet"])
    feather.write_feather(table, paths["a.arrow"], compression="uncompressed")
    with pyarrow.ipc.new_stream(str(paths["b.arrow"]), table.schema) as stream:
        stream.write_table(table)
    datasets.Dataset(table).save_to_disk(paths["dir"])
    return {name: str(path) for name, path in paths.items()}


@pytest.mark.parametrize("name", ["a.parquet", "a.arrow", "b.arrow", "dir"])
def test_rows_are_the_records(files, name) -> None:
    assert values(files[name]) == RECORDS
    renamed = values(files[name], columns={"text": "label", "label": "text"})
    assert renamed[0]["text"] == "yes" and renamed[0]["label"] == "Café ☕"
    with pytest.raises(ConfigurationError, match=rf"{name}, row 1: no key `gold`"):
        values(files[name], columns={"label": "gold"})


def test_the_names_of_labels_are_read(tmp_path) -> None:
    names = datasets.ClassLabel(names=["O", "B-PER"])
    features = {"label": names, "tags": datasets.List(names), "text": datasets.Value("string")}
    rows = {"label": [1, -1], "tags": [[0, 1], []], "text": ["a", "b"]}
    data = datasets.Dataset.from_dict(rows, features=datasets.Features(features))
    data.save_to_disk(tmp_path / "dir")
    data.to_parquet(tmp_path / "a.parquet")
    for path in (tmp_path / "dir", tmp_path / "a.parquet"):
        first, second = values(path)
        assert first == {"label": "B-PER", "tags": ["O", "B-PER"], "text": "a"}
        assert second["label"] is None


def test_of_several_splits_one_is_to_be_named(tmp_path) -> None:
    train = datasets.Dataset.from_list([{"text": "a"}])
    datasets.DatasetDict({"train": train, "dev": train}).save_to_disk(tmp_path / "d")
    with pytest.raises(ConfigurationError, match=r"several splits; name one: .*d/train, .*d/dev"):
        values(tmp_path / "d")
    assert values(tmp_path / "d" / "dev") == [{"text": "a"}]


def test_what_json_has_no_type_for_becomes_text(tmp_path) -> None:
    day = datetime.date(2024, 5, 1)
    table = pyarrow.table({"text": ["a"], "day": [day], "days": [[day]], "raw": [b"x"]})
    parquet.write_table(table, tmp_path / "a.parquet")
    (found,) = values(tmp_path / "a.parquet")
    assert found["day"] == "2024-05-01" and found["days"] == ["2024-05-01"]
    assert json.loads(json.dumps(found)) == found


@pytest.mark.parametrize("name, kind", [("a.parquet", "Parquet"), ("a.arrow", "Arrow")])
def test_a_damaged_file_is_named(tmp_path, files, name, kind) -> None:
    with open(files[name], "rb") as file:
        content = file.read()
    (tmp_path / name).write_bytes(content[: len(content) // 2])
    with pytest.raises(ConfigurationError, match=rf"{name}: cannot be read as {kind} \("):
        values(tmp_path / name)


def test_no_records_and_no_directory(tmp_path) -> None:
    parquet.write_table(
        pyarrow.table({"text": pyarrow.array([], "string")}), tmp_path / "a.parquet"
    )
    with pytest.raises(ConfigurationError, match="no record in this file; expected parquet data"):
        values(tmp_path / "a.parquet")
    with pytest.raises(ConfigurationError, match="no directory that `save_to_disk`"):
        values(tmp_path, format="datasets")


def test_a_missing_library_names_the_extra(files, monkeypatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyarrow.parquet", None)
    with pytest.raises(
        ConfigurationError, match=r"needs pyarrow: pip install 'bert-classif.*\[data"
    ):
        values(files["a.parquet"])
