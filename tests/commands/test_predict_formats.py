"""What `allennlp predict` reads beside JSON lines, and what it writes beside them."""

import json
from pathlib import Path

import pandas
import pyarrow
import pytest
from allennlp.common.checks import ConfigurationError
from pyarrow import parquet

from tests.support import FIXTURES, TASKS, allennlp, predictor_class, read_json_lines, write_lines

ARCHIVES = FIXTURES / "archives"
RECORDS = [
    {"text": 'Lovely, and "quick"!', "id": 1},
    {"text": "It was\ncold.", "id": 2},
    {"id": 3},
    {"text": "Never again.", "id": 4, "label": "negative"},
]


def predict(task: str, source: object, output: Path, *options: object) -> None:
    archive = ARCHIVES / f"{task}.tar.gz"
    allennlp("predict", archive, source, "--output-file", output, "--silent", *options)


def predicted(task: str, source: object, tmp_path: Path, *options: object) -> list[dict]:
    predict(task, source, tmp_path / "out.jsonl", *options)
    return read_json_lines(tmp_path / "out.jsonl")


def labels(outputs: list[dict]) -> list:
    return [output.get("label") for output in outputs]


FILES = sorted(
    path
    for task in TASKS
    for path in (FIXTURES / task).rglob("*")
    if path.is_file() and path.suffix not in (".ann",) and "brat" not in path.parts
)


def number_of_records(reader, path: Path) -> int:
    reader.format = None
    return sum(1 for _ in reader.records_to_predict(str(path)))


@pytest.mark.parametrize("path", FILES, ids=lambda path: "/".join(path.parts[-2:]))
def test_each_file_that_comes_with_us_is_read_as_it_stands(path, tmp_path, predictor_of) -> None:
    task = next(task for task in TASKS if task in path.parts)
    outputs = predicted(task, path, tmp_path, "--batch-size", 64)
    errors = [output["error"] for output in outputs if "error" in output]
    # Texts to train on have no masks.
    assert all("[MASK]" in error for error in errors), errors
    assert len(outputs) > 0 and all(
        "error" in each or set(predictor_class(task).output_keys) <= each.keys() for each in outputs
    )


def test_tables_and_parquet_are_the_records_of_json_lines(tmp_path) -> None:
    rows = [row for row in RECORDS if "text" in row]
    expected = predicted("classification", write_lines(tmp_path / "a.jsonl", rows), tmp_path)
    (tmp_path / "a.json").write_text(json.dumps(rows, indent=2))
    frame = pandas.DataFrame(rows)
    frame.to_csv(tmp_path / "a.csv", index=False)
    parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "a.parquet")
    for name in ("a.json", "a.csv", "a.parquet"):
        outputs = predicted("classification", tmp_path / name, tmp_path)
        assert [each["probs"] for each in outputs] == [each["probs"] for each in expected]
        assert outputs[-1]["gold"] == "negative" and str(outputs[-1]["id"]) == "4"


def test_a_bad_row_fails_alone(tmp_path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("text,id\nLovely,1\nNever,again,2\n,3\nCold,4\ntext,id\n")
    outputs = predicted("classification", path, tmp_path)
    assert [(each.get("line"), "error" in each) for each in outputs] == [
        (None, False),
        (3, True),
        (4, True),
        (None, False),
        (6, True),
    ]
    assert "line 3: 3 columns, but the header has 2" in outputs[1]["error"]
    assert "the header once more" in outputs[4]["error"]


@pytest.mark.parametrize(
    "columns, table",
    [
        ({"text": "review", "label": "stars"}, "stars,review\nbad,Cold\n"),
        ({"text": "review", "label": "stars"}, "review,nr\nCold,7\n"),
        ({"text": "review", "label": "stars"}, "text\nCold\n"),
        ({"text": "label", "label": "text"}, "text,label\nbad,Cold\n"),
        ({"text": 1, "label": 0}, "bad,Cold\n"),
        ({"text": 0, "label": 1}, "Cold\n"),
        ({"text": 1, "label": 0}, "text,label\nCold,bad\n"),
    ],
)
def test_the_columns_of_training_are_known(tmp_path, columns, table) -> None:
    path = tmp_path / "a.csv"
    path.write_text(table)
    overrides = json.dumps({"dataset_reader.columns": columns})
    (output,) = predicted("classification", path, tmp_path, "-o", overrides)
    (expected,) = predicted(
        "classification", write_lines(path, [{"text": "Cold"}]), tmp_path, "--input-format", "json"
    )
    assert output["probs"] == expected["probs"]
    assert output.get("gold") == ("bad" if "bad" in table else None)


def test_trained_columns_in_json_lines(tmp_path) -> None:
    overrides = json.dumps({"dataset_reader.columns": {"text": "review"}})
    source = write_lines(tmp_path / "a.jsonl", [{"review": "Cold"}, {"text": "Cold"}])
    one, other = predicted("classification", source, tmp_path, "-o", overrides)
    assert one == other


def test_csv_opens_in_pandas_with_the_same_rows(tmp_path) -> None:
    source = write_lines(tmp_path / "in.jsonl", RECORDS)
    expected = predicted("classification", source, tmp_path)
    predict("classification", source, tmp_path / "out.csv")
    frame = pandas.read_csv(tmp_path / "out.csv")
    assert [str(each) for each in frame.columns][-2:] == ["error", "line"]
    assert len(frame) == len(expected)
    for (_, row), output in zip(frame.iterrows(), expected):
        found = {key: value for key, value in row.items() if not pandas.isna(value)}
        found["probs"] = json.loads(found["probs"]) if "probs" in found else None
        assert found["id"] == output["id"] and found["probs"] == output.get("probs")
        assert found.get("label") == output.get("label") and found.get("gold") == output.get("gold")
        assert found.get("error") == output.get("error") and found.get("line") == output.get("line")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["in.jsonl", "out.csv", "out.jsonl"]


def test_parquet_has_the_same_rows(tmp_path) -> None:
    odd = [
        {"text": "a", "x": 1, "y": {}, "z": 2**70},
        {"text": "b", "x": "one"},
        {"y": [], "x": []},
    ]
    source = write_lines(tmp_path / "in.jsonl", [*RECORDS, *odd])
    expected = predicted("classification", source, tmp_path)
    predict("classification", source, tmp_path / "out.parquet")
    rows = parquet.read_table(tmp_path / "out.parquet").to_pylist()
    for row, output in zip(rows, expected, strict=True):
        for key in ("x", "y", "z"):
            # Of values of several types, and of what Parquet cannot hold, the JSON.
            if isinstance(row[key], str) and row[key] != output[key]:
                row[key] = json.loads(row[key])
        assert {key: value for key, value in row.items() if value is not None} == output


def test_words_with_tags_become_columns(tmp_path) -> None:
    source = FIXTURES / "token_classification" / "dev.conll"
    outputs = predicted("token_classification", source, tmp_path)
    predict("token_classification", source, tmp_path / "out.conll")
    sentences = (tmp_path / "out.conll").read_text().strip().split("\n\n")
    for sentence, output in zip(sentences, outputs, strict=True):
        rows = [row.split("\t") for row in sentence.split("\n")]
        assert rows == [list(pair) for pair in zip(output["tokens"], output["tags"])]
    assert "gold" in outputs[0]
    with pytest.raises(ConfigurationError, match="gives no words with tags"):
        predict("classification", source, tmp_path / "out.conll")


def test_what_an_output_cannot_be(tmp_path) -> None:
    source = write_lines(tmp_path / "in.jsonl", RECORDS)
    with pytest.raises(ConfigurationError, match="csv` is made of all records at the end"):
        predict("classification", source, Path("/dev/null"), "--output-format", "csv")
    with pytest.raises(ConfigurationError, match="conll`: the reader of this model"):
        predict("classification", source, tmp_path / "out", "--input-format", "conll")
    with pytest.raises(ConfigurationError, match="no regular file that could be continued"):
        predict("classification", source, Path("/dev/null"), "--resume")
    with pytest.raises(ConfigurationError, match="goes on with an `--output-file`"):
        predict("classification", source, tmp_path / "o", "--resume", "--use-dataset-reader")


class TestResume:
    def source(self, tmp_path: Path) -> str:
        lines = [{"text": f"It was {'very ' * (n % 7)}cold.", "id": n} for n in range(23)]
        return write_lines(tmp_path / "in.jsonl", [*lines, "bad"])

    @pytest.mark.parametrize("name", ["out.jsonl", "out.csv", "out.parquet"])
    @pytest.mark.parametrize("cut", [0, 10, 2000, 4000, -1])
    def test_it_is_the_file_of_a_run_without_interruption(self, tmp_path, name, cut) -> None:
        source, output = self.source(tmp_path), tmp_path / name
        lines = output if name == "out.jsonl" else tmp_path / f"{name}.lines"
        predict("classification", source, tmp_path / "lines.jsonl", "--batch-size", 4)
        predict("classification", source, output, "--batch-size", 4)
        expected = output.read_bytes()
        output.unlink()
        begun = (tmp_path / "lines.jsonl").read_bytes()[:cut]
        Path(f"{lines}.partial").write_bytes(begun)
        predict("classification", source, output, "--batch-size", 4, "--resume")
        assert output.read_bytes() == expected
        assert not list(tmp_path.glob("*.partial")) and not list(tmp_path.glob("*.lines"))

    def test_what_is_there_is_not_done_again(self, tmp_path) -> None:
        source, output = self.source(tmp_path), tmp_path / "out.jsonl"
        (tmp_path / "out.jsonl.partial").write_text('{"done": 1}\n{"done": 2}\n{"ha')
        predict("classification", source, output, "--resume")
        outputs = read_json_lines(output)
        assert outputs[:2] == [{"done": 1}, {"done": 2}] and outputs[2]["id"] == 2
        assert len(outputs) == 24

    def test_what_is_complete_stays(self, tmp_path, caplog) -> None:
        source, output = self.source(tmp_path), tmp_path / "out.csv"
        output.write_text("as it is")
        predict("classification", source, output, "--resume")
        assert output.read_text() == "as it is" and "is complete" in caplog.text

    def test_the_output_of_another_input_is_said(self, tmp_path) -> None:
        (tmp_path / "out.jsonl.partial").write_text("{}\n" * 30)
        with pytest.raises(ConfigurationError, match="has 30 lines, 6 more than .*in.jsonl has"):
            predict("classification", self.source(tmp_path), tmp_path / "out.jsonl", "--resume")


def test_the_rows_of_an_export_are_predicted(tmp_path) -> None:
    exports = FIXTURES / "token_classification" / "exports"
    for name in ("label_studio.json", "prodigy.jsonl", "docs.spacy", "brat"):
        outputs = predicted("token_classification", exports / name, tmp_path)
        assert not any("error" in output for output in outputs)
        assert [len(output["gold"]) for output in outputs[:3]] == [3, 0, 3]
