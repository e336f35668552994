import json

from tests.support import FIXTURES, allennlp, read_json_lines, write_lines

LINES = [
    {"id": 7, "text": "Lovely food", "label": "positive", "note": {"a": [1]}},
    "",
    "not json",
    {"sentence": "It was cold.", "text_pair": "How was the soup?"},
    {"text": 4},
    "   ",
    [1],
    {"note": "no text"},
    {"text": "Zürich 🎂"},
    {"text": " "},
]


def predict(archive, source, tmp_path, *arguments) -> list[dict]:
    output = tmp_path / "predictions.jsonl"
    allennlp("predict", archive, source, "--output-file", output, "--silent", *arguments)
    return read_json_lines(output)


def test_one_output_for_each_line_that_is_not_blank(tmp_path, archive_of, caplog) -> None:
    source = write_lines(tmp_path / "in.jsonl", LINES)
    with caplog.at_level("INFO"):
        outputs = predict(archive_of("classification"), source, tmp_path)
    assert [output.get("line") for output in outputs] == [None, 3, None, 5, 7, 8, None, 10]
    assert outputs[0]["id"] == 7 and outputs[0]["note"] == {"a": [1]}
    assert outputs[0]["gold"] == "positive"
    assert outputs[0]["label"] in ("positive", "negative", "neutral")
    assert "not valid JSON" in outputs[1]["error"]
    assert outputs[3]["error"] == "`text`: expected a string, got a number (4)."
    assert "expected a JSON object, got a list" in outputs[4]["error"]
    assert outputs[5]["error"].startswith("no key `text`; the record has `note`")
    assert outputs[5]["note"] == "no text"
    assert "empty" in outputs[7]["error"]
    assert "8 records: 3 predicted, 5 with an error" in caplog.text


def test_the_batch_size_changes_nothing(tmp_path, archive_of) -> None:
    source = write_lines(tmp_path / "in.jsonl", LINES)
    one = predict(archive_of("classification"), source, tmp_path, "--batch-size", 1)
    many = predict(archive_of("classification"), source, tmp_path, "--batch-size", 64)
    assert [output.get("label", output.get("error")) for output in one] == [
        output.get("label", output.get("error")) for output in many
    ]


def test_a_labelled_file_is_valid_input_and_standard_input_too(
    tmp_path, archive_of, monkeypatch
) -> None:
    dev = FIXTURES / "classification" / "dev.jsonl"
    outputs = predict(archive_of("classification"), dev, tmp_path, "--batch-size", 16)
    assert [output["gold"] for output in outputs] == [
        line["label"] for line in read_json_lines(dev)
    ]
    with dev.open(encoding="utf-8") as lines:
        monkeypatch.setattr("sys.stdin", lines)
        assert predict(archive_of("classification"), "-", tmp_path) != []


def test_use_dataset_reader_is_allennlps_own(tmp_path, archive_of) -> None:
    dev = FIXTURES / "classification" / "dev.jsonl"
    outputs = predict(archive_of("classification"), dev, tmp_path, "--use-dataset-reader")
    assert len(outputs) == 60 and all("loss" in output for output in outputs)


def test_prints_to_the_console(tmp_path, archive_of, capsys) -> None:
    source = write_lines(tmp_path / "in.jsonl", [{"text": "Lovely food"}])
    allennlp("predict", archive_of("classification"), source)
    printed = capsys.readouterr().out
    assert 'input 1:  {"text": "Lovely food"}' in printed
    assert json.loads(printed.split("prediction: ")[1])["label"]
