"""`allennlp predict --input-format text`: each line is the text of a record."""

import io
from pathlib import Path
from unittest import mock

import pytest
from allennlp.common.checks import ConfigurationError

from tests.support import (
    FIXTURES,
    TASKS,
    allennlp,
    predictor_class,
    read_json_lines,
    run_allennlp,
    write_lines,
)

ARCHIVES = FIXTURES / "archives"
LINES = ['{"text": 1}', "", "  Lovely food  ", b"\xff"]


def predict(task: str, source: object, tmp_path: Path, *options: object) -> list[dict]:
    output = tmp_path / "out.jsonl"
    arguments = ("--input-format", "text", "--output-file", output, "--silent", *options)
    allennlp("predict", ARCHIVES / f"{task}.tar.gz", source, *arguments)
    return read_json_lines(output)


def test_lines_are_texts_whatever_they_look_like(tmp_path) -> None:
    texts = ['{"text": 1}', "  Lovely food  ", "not JSON"]
    source = tmp_path / "in.txt"
    source.write_bytes(b"\n\r\n".join(text.encode() for text in texts) + b"\n\xff\n")
    *outputs, broken = predict("classification", source, tmp_path)
    assert broken["line"] == 6 and broken["error"].startswith("the line: not UTF-8 text")
    records = write_lines(tmp_path / "in.jsonl", [{"text": text} for text in texts])
    output = tmp_path / "json.jsonl"
    archive = ARCHIVES / "classification.tar.gz"
    allennlp("predict", archive, records, "--output-file", output, "--silent")
    assert outputs == read_json_lines(output)


@pytest.mark.parametrize("task", TASKS)
def test_a_task_says_whether_a_text_is_a_record(task, tmp_path) -> None:
    text = "The [MASK] left the station."
    predictor = predictor_class(task)
    with mock.patch("sys.stdin", io.StringIO(f"{text}\n")):
        if predictor.text_key:
            (output,) = predict(task, "-", tmp_path)
            assert "error" not in output
            return
        with pytest.raises(ConfigurationError, match="needs more than one text; give JSON lines"):
            predict(task, "-", tmp_path)
    # It is not all of a record indeed.
    records = write_lines(tmp_path / "in.jsonl", [{"text": text}])
    output = tmp_path / "out.jsonl"
    allennlp("predict", ARCHIVES / f"{task}.tar.gz", records, "--output-file", output, "--silent")
    assert "error" in read_json_lines(output)[0]


def test_what_it_does_not_go_with(tmp_path) -> None:
    with pytest.raises(ConfigurationError, match="no meaning with `--use-dataset-reader`"):
        predict("classification", "in.txt", tmp_path, "--use-dataset-reader")
    with pytest.raises(SystemExit):
        predict("classification", "in.txt", tmp_path, "--input-format", "xlsx")


def test_the_help_of_the_command_has_it(tmp_path) -> None:
    done = run_allennlp("predict", "--help", cwd=tmp_path)
    assert "--input-format {json,text,tsv,csv," in done.stdout
