"""The lines that `allennlp predict` reads, each by itself."""

import gzip
import io
import os
import threading
from pathlib import Path

import pytest
from allennlp.models import Model

from bert_classification.commands.json_lines import read_lines
from tests.support import FIXTURES, allennlp, read_json_lines, write_lines

ARCHIVE = FIXTURES / "archives" / "classification.tar.gz"
GOOD = b'{"text": "a"}'


def predict(source: object, tmp_path: Path, *arguments: object) -> list[dict]:
    output = tmp_path / "out.jsonl"
    allennlp("predict", ARCHIVE, source, "--output-file", output, "--silent", *arguments)
    return read_json_lines(output)


DEEP, LONG = b"[" * 200_000, b'{"text": ' + b"9" * 5000 + b"}"
LINES = [GOOD, b'{"text": "caf\xe9"}', GOOD, b"  ", DEEP, LONG, GOOD]
CONTENT = b"\xef\xbb\xbf" + b"\n".join(LINES)


def errors_of(outputs: list[dict]) -> list[tuple[int, str]]:
    return [(each["line"], each["error"].partition(" (")[0]) for each in outputs if "error" in each]


EXPECTED = [
    (2, "the line: not UTF-8 text"),
    (5, "the line: JSON nested too deeply; expected at most 64 levels."),
    (6, "the line: a whole number of more than 4300 digits; expected fewer."),
]


@pytest.mark.parametrize("batch_size", [1, 3, 64])
def test_a_file_and_a_pipe_are_read_alike(tmp_path, monkeypatch, batch_size) -> None:
    source = tmp_path / "in.jsonl"
    source.write_bytes(CONTENT)
    outputs = predict(source, tmp_path, "--batch-size", batch_size)
    assert len(outputs) == 6 and errors_of(outputs) == EXPECTED
    # As in a POSIX locale, where Python makes surrogates of what it cannot decode.
    with open(source, encoding="ascii", errors="surrogateescape") as lines:
        monkeypatch.setattr("sys.stdin", lines)
        assert predict("-", tmp_path, "--batch-size", batch_size) == outputs


def test_lines_end_as_python_reads_them() -> None:
    content = b"a\r\nb\rc\n\n d \n" + "e\u2028f\x0bg\n".encode()
    lines = list(read_lines(io.BytesIO(content), "the input"))
    assert [(line.number, line.text) for line in lines] == [
        (1, "a"),
        (2, "b"),
        (3, "c"),
        (5, " d "),
        (6, "e\u2028f\x0bg"),
    ]


def test_a_named_pipe_gets_lines_as_they_come(tmp_path) -> None:
    source, pipe = tmp_path / "in.jsonl", tmp_path / "pipe"
    source.write_bytes(b"\n".join([GOOD] * 5))
    os.mkfifo(pipe)
    received: list[str] = []
    reader = threading.Thread(target=lambda: received.extend(pipe.read_text().splitlines()))
    reader.start()
    allennlp("predict", ARCHIVE, source, "--output-file", pipe, "--silent")
    reader.join()
    assert len(received) == 5 and pipe.is_fifo()


def test_the_readers_own_instances_fail_alone_too(tmp_path, monkeypatch) -> None:
    dev = FIXTURES / "classification" / "dev.jsonl"
    expected = predict(dev, tmp_path, "--use-dataset-reader", "--batch-size", 20)
    run = Model.forward_on_instances

    def fail_on_one(self, instances):
        if any(each["label"].location.endswith("line 31") for each in instances):
            raise RuntimeError("no room\nfor this one")
        return run(self, instances)

    monkeypatch.setattr(Model, "forward_on_instances", fail_on_one)
    outputs = predict(dev, tmp_path, "--use-dataset-reader", "--batch-size", 20)
    assert outputs[30] == {"error": "this record failed with RuntimeError (no room for this one)."}
    assert [each["label"] for index, each in enumerate(outputs) if index != 30] == [
        each["label"] for index, each in enumerate(expected) if index != 30
    ]


@pytest.mark.parametrize("packed", [False, True])
def test_an_input_that_can_be_read_once_is_read_whole(tmp_path, packed) -> None:
    source, pipe, output = tmp_path / "in.jsonl", tmp_path / "pipe", tmp_path / "out.jsonl"
    write_lines(source, [{"text": "Lovely food"}, {"text": "Never again"}])
    content = source.read_bytes()
    os.mkfifo(pipe)
    sent = gzip.compress(content) if packed else content
    writer = threading.Thread(target=lambda: pipe.write_bytes(sent))
    writer.start()
    allennlp("predict", ARCHIVE, pipe, "--output-file", output, "--silent")
    writer.join()
    assert len(read_json_lines(output)) == 2
