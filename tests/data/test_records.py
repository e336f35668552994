import gzip
import json
from pathlib import Path

import pytest
from allennlp.common.checks import ConfigurationError

from bert_classification.data.records import RecordError, read_records


def values(path: Path, **settings) -> list[dict]:
    return [record.values for record in read_records(str(path), **settings)]


def test_json_lines_skip_blank_lines_and_keep_line_numbers(tmp_path) -> None:
    path = tmp_path / "data.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"text": "a"}\r\n\r\n{"text": "\xc3\xa9"}\r\n')
    records = list(read_records(str(path)))
    assert [(record.values["text"], record.line) for record in records] == [("a", 1), ("é", 3)]


def test_gzip_is_recognized_by_its_content(tmp_path) -> None:
    path = tmp_path / "data.tsv.gz"
    path.write_bytes(gzip.compress(b"sentence\tlabel\nfine\t1\n", mtime=0))
    assert values(path) == [{"sentence": "fine", "label": "1"}]


def test_tsv_is_never_quoted_and_csv_is(tmp_path) -> None:
    tsv, csv = tmp_path / "data.tsv", tmp_path / "data.csv"
    tsv.write_text('text\tlabel\n"odd\tx\n"even"\ty\n')
    csv.write_text('text,label\n"one, two\nlines",x\n')
    assert [row["text"] for row in values(tsv)] == ['"odd', '"even"']
    assert values(csv) == [{"text": "one, two\nlines", "label": "x"}]


def test_columns_rename_by_header_and_by_number(tmp_path) -> None:
    path = tmp_path / "data.tsv"
    path.write_text("index\tsentence1\tsentence2\tlabel\n0\ta\tb\tyes\n")
    named = values(path, columns={"text": "sentence1", "text_pair": "sentence2"})
    assert named == [{"index": "0", "label": "yes", "text": "a", "text_pair": "b"}]
    numbered = values(path, columns={"label": 3, "text": 1})
    assert numbered[1] == {"label": "yes", "text": "a"}


def test_columns_rename_json_keys(tmp_path) -> None:
    path = tmp_path / "data.jsonl"
    path.write_text(json.dumps({"review": "a", "label": "x"}))
    assert values(path, columns={"text": "review"}) == [{"label": "x", "text": "a"}]


@pytest.mark.parametrize(
    "name, content, settings, message",
    [
        ("a.jsonl", b"", {}, "a.jsonl: no record"),
        ("a.jsonl", b'{"a": 1}\nnot json\n', {}, "a.jsonl, line 2: not valid JSON"),
        ("a.jsonl", b"[1]\n", {}, "a.jsonl, line 1: expected a JSON object, got a number"),
        ("a.jsonl", b'{"text": "a"}\n{"text": "\xe9"}\n', {}, "a.jsonl, line 2: not utf-8"),
        ("a.jsonl", b'{"a": 1}\n', {"columns": {"text": "b"}}, "line 1: no key `b`.*columns.text"),
        ("a.jsonl", b'{"a": 1}\n', {"encoding": "utf-99"}, "no encoding 'utf-99'"),
        ("a.tsv", b"text\tlabel\na\n", {}, "a.tsv, line 2: 1 columns, but the header has 2"),
        ("a.tsv", b"text\na\n", {"columns": {"text": "b"}}, "line 1: `columns` names text: b"),
        ("a.tsv", b"a\tb\n", {"columns": {"text": 2}}, "line 1: `columns.text` is 2"),
        ("a.csv", b'text\n"open\n', {}, "a.csv, line 2: not valid CSV"),
        ("a.xyz", b"text\n", {}, "cannot tell the format from the extension"),
        ("a.jsonl.gz", gzip.compress(b"{}\n" * 99, mtime=0)[:20], {}, "gzip file is damaged"),
    ],
)
def test_a_bad_file_is_named_with_its_line(tmp_path, name, content, settings, message) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=message):
        values(path, **settings)


def test_a_missing_file_is_named(tmp_path) -> None:
    with pytest.raises(ConfigurationError, match="nowhere.jsonl: no such file"):
        values(tmp_path / "nowhere.jsonl")


def test_another_encoding_is_read(tmp_path) -> None:
    path = tmp_path / "data.tsv"
    path.write_bytes("text\ncafé\n".encode("latin-1"))
    assert values(path, encoding="latin-1") == [{"text": "café"}]


def test_a_message_quotes_a_long_record_only_in_part() -> None:
    message = str(RecordError("file.jsonl, line 3: " + "x" * 100_000 + "; expected less."))
    assert message.startswith("file.jsonl, line 3: ") and message.endswith("; expected less.")
    assert len(message) < 2000
