"""Files whose bytes are no text: the error names the file and the line."""

import gzip
import os
from pathlib import Path

import pytest
from allennlp.common.checks import ConfigurationError

from bert_classification.data.files import read_lines
from bert_classification.data.records import read_records


def error_of(path: Path, content: bytes, encoding: str = "utf-8") -> str:
    path.write_bytes(content)
    with pytest.raises(ConfigurationError) as error:
        list(read_lines(str(path), encoding))
    message = str(error.value)
    assert message.startswith(str(path))
    return message.removeprefix(str(path))


@pytest.mark.parametrize(
    "content, encoding, expected",
    [
        (b"a\nb\n\xe9\n", "utf-8", ", line 3: not utf-8 text (invalid continuation byte)"),
        (b"a\r\nb\r\xe9\n", "utf-8", ", line 3: not utf-8 text"),
        (b"fine\n" * 100_000 + b"\xff\nfine\n", "utf-8", ", line 100001: not utf-8 text"),
        (b"a\nb\nc\xe2\x82", "utf-8", ", line 3: not utf-8 text (unexpected end of data)"),
        ("a\nb\n".encode("utf-16-le"), "utf-16", ", line 1: not utf-16 text ("),
        ("a\nb\n".encode("utf-16") + b"\x00\xd8\n\x00", "utf-16", ", line 3: not utf-16 text"),
        (b"a\nb", "utf-16-le", ", line 1: not utf-16-le text (truncated data)"),
    ],
)
def test_the_line_is_that_of_the_first_bad_bytes(tmp_path, content, encoding, expected) -> None:
    assert error_of(tmp_path / "a.txt", content, encoding).startswith(expected)


def test_a_damaged_gzip_file_is_named_whatever_is_in_it(tmp_path) -> None:
    noise = gzip.compress(os.urandom(100_000), mtime=0)
    for content in (noise[:50_000], noise[:20] + b"damage" + noise[26:], noise[:2], noise[:8]):
        message = error_of(tmp_path / "a.gz", content)
        assert "gzip file is damaged" in message or ", line 1: not utf-8 text" in message
    text = gzip.compress(b"a line\n" * 100_000, mtime=0)
    assert "gzip file is damaged" in error_of(tmp_path / "b.gz", text[:-9])


def test_a_directory_is_no_file(tmp_path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read \\(Is a directory\\)"):
        list(read_records(str(tmp_path), "jsonl"))
