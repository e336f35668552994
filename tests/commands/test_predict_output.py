"""What `allennlp predict` leaves on the disk, however it ends."""

import errno
import gzip
import io
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from allennlp.common.checks import ConfigurationError

from bert_classification.commands.output import OutputError, WholeLines, is_stream, open_output
from tests.support import FIXTURES, allennlp, read_json_lines, run_allennlp, write_lines

ARCHIVE = FIXTURES / "archives" / "classification.tar.gz"
GOOD = {"text": "Lovely food"}


def predict(source: object, output: object, *arguments: object) -> None:
    allennlp("predict", ARCHIVE, source, "--output-file", output, "--silent", *arguments)


@pytest.fixture
def old(tmp_path: Path) -> Path:
    path = tmp_path / "out.jsonl"
    path.write_text("of an earlier run\n")
    return path


def test_the_output_takes_the_place_of_an_old_one_with_its_mode_and_links(tmp_path, old) -> None:
    old.chmod(0o640)
    link = tmp_path / "link.jsonl"
    link.symlink_to(old)
    predict(write_lines(tmp_path / "in.jsonl", [GOOD]), link)
    assert link.is_symlink() and read_json_lines(old)[0]["label"]
    assert old.stat().st_mode & 0o777 == 0o640
    assert sorted(each.name for each in tmp_path.iterdir()) == [
        "in.jsonl",
        "link.jsonl",
        "out.jsonl",
    ]


@pytest.mark.parametrize("arguments", [[], ["--use-dataset-reader"]])
def test_a_missing_input_leaves_the_old_output(tmp_path, old, arguments) -> None:
    with pytest.raises((ConfigurationError, FileNotFoundError)):
        predict(tmp_path / "nowhere.jsonl", old, *arguments)
    assert old.read_text() == "of an earlier run\n"
    assert list(tmp_path.iterdir()) == [old]


@pytest.mark.parametrize("name", ["in.jsonl", "./in.jsonl", "hard", "soft", "out"])
def test_the_input_is_never_overwritten(tmp_path, monkeypatch, name) -> None:
    monkeypatch.chdir(tmp_path)
    source = Path(write_lines(tmp_path / "in.jsonl", [GOOD]))
    Path("hard").hardlink_to(source)
    Path("soft").symlink_to(source)
    Path("out.partial").symlink_to(source)
    before = source.read_text()
    with pytest.raises(ConfigurationError, match="would overwrite the input file"):
        predict(source, name)
    assert source.read_text() == before


def test_standard_input_is_never_overwritten(tmp_path) -> None:
    source = Path(write_lines(tmp_path / "in.jsonl", [GOOD]))
    before = source.read_text()
    with source.open() as file:
        run = run_allennlp("predict", ARCHIVE, "-", "--output-file", source, stdin=file)
    assert "would overwrite the input file" in run.stderr and run.returncode == 1
    assert source.read_text() == before


def test_an_input_that_breaks_off_leaves_what_was_written_aside(tmp_path, old, caplog) -> None:
    noise = random.Random(1)
    lines = [json.dumps({**GOOD, "id": noise.getrandbits(4000)}) + "\n" for _ in range(60)]
    source = tmp_path / "in.jsonl.gz"
    source.write_bytes(gzip.compress("".join(lines).encode(), mtime=0)[:-2000])
    with pytest.raises(ConfigurationError, match="in.jsonl.gz: the gzip file is damaged"):
        predict(source, old)
    assert old.read_text() == "of an earlier run\n"
    aside = tmp_path / "out.jsonl.partial"
    assert f"out.jsonl is not complete; what was written is in {aside}" in caplog.text
    assert all(output["label"] for output in read_json_lines(aside))


def test_a_full_disk_is_one_sentence(tmp_path) -> None:
    source = write_lines(tmp_path / "in.jsonl", [GOOD] * 200)
    sentence = "/dev/full: cannot be written (No space left on device)."
    with pytest.raises(SystemExit, match=sentence.replace("(", r"\(").replace(")", r"\)")):
        predict(source, "/dev/full")
    with open("/dev/full", "w") as full:
        run = subprocess.run(
            [sys.executable, "-m", "allennlp", "predict", ARCHIVE, source],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert run.returncode == 1 and "Traceback" not in run.stderr
    assert run.stderr.rstrip().endswith(
        "standard output: cannot be written (No space left on device)."
    )


class FillingDisk(io.FileIO):
    """A file on a disk that has room for 100 bytes."""

    def write(self, data) -> int:
        room = 100 - self.tell()
        if not room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return super().write(memoryview(data)[:room])


def test_a_line_that_has_no_room_is_taken_back(tmp_path) -> None:
    path = tmp_path / "out"
    with FillingDisk(path, "w") as raw, pytest.raises(OutputError, match="No space left"):
        lines = WholeLines(raw, str(path))
        for _ in range(9):
            lines.write("x" * 29 + "\n")
    assert path.read_text() == ("x" * 29 + "\n") * 3


def test_half_a_surrogate_pair_is_written_as_its_escape(tmp_path) -> None:
    with open_output(str(tmp_path / "out")) as output:
        output.write('"\ud800é"\n')
    assert (tmp_path / "out").read_bytes() == '"\\ud800é"\n'.encode()


def test_what_cannot_be_opened_is_said(tmp_path) -> None:
    for path in (tmp_path, tmp_path / "nowhere" / "out"):
        with pytest.raises(OutputError, match="cannot be written"), open_output(str(path)):
            pass


def test_a_pipe_and_a_device_are_streams_and_a_file_is_none(tmp_path, old) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "link").symlink_to("/dev/null")
    assert all(map(is_stream, [str(tmp_path / "fifo"), str(tmp_path / "link"), "/dev/null"]))
    assert not is_stream(str(old)) and not is_stream(str(tmp_path / "new"))


def test_standard_output_by_its_name_goes_on_where_it_is(tmp_path) -> None:
    source = write_lines(tmp_path / "in.jsonl", [GOOD] * 3)
    path = tmp_path / "all.jsonl"
    path.write_text('{"before": true}\n')
    command = [sys.executable, "-m", "allennlp", "predict", ARCHIVE, source, "--silent"]
    with path.open("a") as file:
        subprocess.run([*command, "--output-file", "/dev/stdout"], stdout=file, check=True)
    outputs = read_json_lines(path)
    assert len(outputs) == 4 and outputs[0] == {"before": True} and outputs[3]["label"]


def start(*arguments: object) -> subprocess.Popen:
    """Begins a prediction of standard input."""
    return subprocess.Popen(
        [sys.executable, "-m", "allennlp", "predict", ARCHIVE, "-", *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # As a shell starts it in the foreground, whatever started the tests.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )


def test_a_closed_pipe_ends_quietly() -> None:
    process = start()
    process.stdin.write((json.dumps(GOOD) + "\n") * 50)
    process.stdin.flush()
    process.stdout.readline()
    process.stdout.close()
    process.stdin.write((json.dumps(GOOD) + "\n") * 500)
    process.stdin.close()
    assert process.wait(60) == 141
    errors = process.stderr.read()
    assert "Traceback" not in errors and "BrokenPipe" not in errors


def test_an_interruption_ends_quietly_and_keeps_what_was_written(tmp_path, old) -> None:
    process = start("--silent", "--output-file", old)
    process.stdin.write(json.dumps(GOOD) + "\n")
    process.stdin.flush()
    aside = tmp_path / "out.jsonl.partial"
    deadline = time.monotonic() + 120
    while not (aside.exists() and aside.stat().st_size):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 130
    assert "Traceback" not in process.stderr.read()
    assert old.read_text() == "of an earlier run\n" and read_json_lines(aside)[0]["label"]


def test_a_killed_run_is_resumed(tmp_path) -> None:
    lines = [json.dumps({**GOOD, "id": number}) + "\n" for number in range(9)]
    source, output = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text("".join(lines))
    process = start("--silent", "--output-file", output, "--batch-size", 2)
    process.stdin.write("".join(lines[:5]))
    process.stdin.flush()
    aside = tmp_path / "out.jsonl.partial"
    deadline = time.monotonic() + 120
    while not (aside.exists() and aside.stat().st_size):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    process.kill()
    process.wait(60)
    predict(source, output, "--batch-size", 2, "--resume")
    predict(source, tmp_path / "whole.jsonl", "--batch-size", 2)
    assert output.read_bytes() == (tmp_path / "whole.jsonl").read_bytes()
