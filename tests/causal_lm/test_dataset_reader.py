"""Blocks of running text for causal language modelling, from files of every format."""

import gzip
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from allennlp.common.checks import ConfigurationError

from tests.causal_lm.support import SEP, TOKENIZER, reader

CLS = TOKENIZER.cls_token_id


def read_blocks(path: Path, text: str, **options: Any) -> list[list[int]]:
    path.write_text(text, encoding="utf-8")
    return [instance["tokens"].ids.tolist() for instance in reader(**options).read(str(path))]


class TestReader:
    def test_blocks_are_the_text_with_one_sep_at_each_end(self, tmp_path) -> None:
        text = "\nOne cold soup.\nTwo boats!\n\n\n \nThree oaks and a lake.\n"
        made = read_blocks(tmp_path / "a.raw", text, block_size=8)
        assert all(ids[0] == CLS and ids.count(CLS) == 1 for ids in made)
        assert all(len(ids) == 8 for ids in made[:-1]) and 2 <= len(made[-1]) <= 8
        pieces = [piece for ids in made for piece in ids[1:]]
        first, second = "One cold soup. Two boats!", "Three oaks and a lake."
        assert pieces == TOKENIZER(first)["input_ids"][1:] + TOKENIZER(second)["input_ids"][1:]
        assert not any(pair == (SEP, SEP) for pair in pairwise(pieces))

    @pytest.mark.parametrize(
        "name, content, options",
        [
            ("a.jsonl", '{"text": "One lake."}\n{"sentence": "Two oaks."}\n', {}),
            ("a.tsv", "text\nOne lake.\nTwo oaks.\n", {}),
            ("a.csv", 'n,words\n1,"One lake."\n2,Two oaks.\n', {"columns": {"text": "words"}}),
            ("a.txt", "One lake.\nTwo oaks.\n", {"format": "tsv", "columns": {"text": 0}}),
            ("a.txt", "\ufeffOne lake.\r\n\r\nTwo oaks.", {}),
            ("tokens", "One lake.\n\nTwo oaks.\n", {}),
        ],
    )
    def test_formats(self, tmp_path, name, content, options) -> None:
        (block,) = read_blocks(tmp_path / name, content, **options)
        assert TOKENIZER.decode(block) == "[CLS] one lake. [SEP] two oaks. [SEP]"

    def test_columns_of_plain_text_are_refused(self, tmp_path) -> None:
        with pytest.raises(ConfigurationError, match="columns.*tsv"):
            read_blocks(tmp_path / "a.txt", "One lake.\n", columns={"text": 0})

    def test_gzip(self, tmp_path) -> None:
        (tmp_path / "a.txt.gz").write_bytes(gzip.compress(b"One lake.\n"))
        (instance,) = reader().read(str(tmp_path / "a.txt.gz"))
        assert instance["tokens"].ids.tolist() == TOKENIZER("One lake.")["input_ids"]

    def test_blocks_are_given_out_while_the_file_is_read(self, tmp_path) -> None:
        path = tmp_path / "a.txt"
        path.write_bytes(b"A cold lake.\n" * 50000 + b"\xff\n")
        made = iter(reader().read(str(path)))
        assert len(next(made)["tokens"]) == 128
        with pytest.raises(ConfigurationError, match="line 50001"):
            list(made)

    def test_lines_without_pieces_are_counted(self, tmp_path, caplog) -> None:
        (block,) = read_blocks(tmp_path / "a.txt", "One lake\n\n\u200b\n\nTwo oaks\n")
        assert TOKENIZER.decode(block) == "[CLS] one lake [SEP] two oaks [SEP]"
        assert "1 lines have no word piece" in caplog.text

    @pytest.mark.parametrize(
        "name, content, message",
        [
            ("a.txt", b"", "a.txt: no text"),
            ("a.txt", b" \n\n", "a.txt: no text"),
            ("a.txt", b"Fine.\nCaf\xe9\n", "a.txt, line 2: not utf-8"),
            ("a.jsonl", b"", "a.jsonl: no record"),
            ("a.jsonl", b'{"text": "a"}\n{"text": ""}\n', "a.jsonl, line 2: `text`: .* empty"),
            ("a.jsonl", b'{"text": "a"}\n{"text": 3}\n', "a.jsonl, line 2: `text`: .* number"),
            ("a.jsonl", b'{"txt": "a"}\n', "a.jsonl, line 1: no key `text`"),
            ("a.tsv", b"text\tn\n \t1\n", "a.tsv, line 2: `text`: .* empty"),
        ],
    )
    def test_bad_files(self, tmp_path, name, content, message) -> None:
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ConfigurationError, match=message):
            list(reader().read(str(tmp_path / name)))

    @pytest.mark.parametrize(
        "options, message",
        [
            ({"block_size": 1}, "block_size"),
            ({"block_size": 129}, "128"),
            ({"format": "x"}, "text"),
        ],
    )
    def test_bad_settings(self, options, message) -> None:
        with pytest.raises(ConfigurationError, match=message):
            reader(**options)
