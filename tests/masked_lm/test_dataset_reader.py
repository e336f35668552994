"""Masked LM: blocks and lines of text, from files of every format."""

import gzip

import pytest
from allennlp.common.checks import ConfigurationError

from tests.masked_lm.support import DATA, TRAIN, make_reader
from tests.support import write_lines


def num_word_pieces(instances: list) -> list[list[int]]:
    return [instance["tokens"].ids.tolist() for instance in instances]


class TestReader:
    def test_blocks_hold_every_piece_once(self) -> None:
        reader = make_reader(block_size=20)
        blocks = num_word_pieces(list(reader.read(TRAIN)))
        lines = (DATA / "train.txt").read_text("utf-8").splitlines()
        expected = [piece for ids in reader.tokenizer.ids(lines) for piece in ids.tolist()]
        assert [piece for block in blocks for piece in block[1:-1]] == expected
        assert {len(block) for block in blocks[:-1]} == {20} and 3 <= len(blocks[-1]) <= 20
        ends = [(block[0], block[-1]) for block in blocks]
        assert set(ends) == {(reader.tokenizer.cls_id, reader.tokenizer.sep_id)}

    def test_blocks_do_not_depend_on_how_many_lines_are_read_at_once(self, monkeypatch) -> None:
        expected = num_word_pieces(list(make_reader(block_size=20).read(TRAIN)))
        monkeypatch.setattr("bert_classification.masked_lm.dataset_reader.EXAMPLES_AT_ONCE", 3)
        assert num_word_pieces(list(make_reader(block_size=20).read(TRAIN))) == expected

    def test_a_file_is_streamed(self, tmp_path) -> None:
        path = tmp_path / "long.txt"
        path.write_bytes(b"The soup was cold.\n" * 5000 + b"\xff\n")
        instances = make_reader(block_size=20).read(str(path))
        assert len(next(iter(instances))["tokens"]) == 20

    def test_line_by_line(self, tmp_path) -> None:
        path = tmp_path / "text.txt.gz"
        path.write_bytes(gzip.compress("\ufeffThe soup.\r\n\r\nThe train 🚂.\r\n".encode()))
        reader = make_reader(line_by_line=True)
        expected = [
            reader.text_to_instance(text, labelled=True) for text in ("The soup.", "The train 🚂.")
        ]
        assert num_word_pieces(list(reader.read(str(path)))) == num_word_pieces(expected)

    @pytest.mark.parametrize(
        "name, content",
        [
            ("a.jsonl", '{"text": "The soup."}\n{"sentence": "A train."}\n'),
            ("a.tsv", "text\tn\nThe soup.\t1\nA train.\t2\n"),
            ("a.csv", 'n,text\n1,"The soup."\n2,A train.\n'),
        ],
    )
    def test_one_instance_a_record(self, tmp_path, name, content) -> None:
        (tmp_path / name).write_text(content, encoding="utf-8")
        reader = make_reader()
        expected = [
            reader.text_to_instance(text, labelled=True) for text in ("The soup.", "A train.")
        ]
        assert num_word_pieces(list(reader.read(str(tmp_path / name)))) == num_word_pieces(expected)

    def test_a_cut_text_is_counted(self, tmp_path, caplog) -> None:
        path = write_lines(tmp_path / "a.jsonl", [{"text": "the " * 50}, {"text": "Short."}])
        list(make_reader(max_pieces=20).read(path))
        assert "1 of 2 texts were cut; the longest has 52" in caplog.text

    @pytest.mark.parametrize(
        "name, content, message",
        [
            ("a.txt", b"", "a.txt: there is no text"),
            ("a.txt", b"\n \n", "a.txt: there is no text"),
            ("a.txt", b"Fine.\nCaf\xe9.\n", "a.txt, line 2: not utf-8"),
            ("a.jsonl", b"", "a.jsonl: no record"),
            ("a.jsonl", b'{"text": "Fine."}\n{"text": ""}\n', "line 2: `text`: the text is empty"),
            ("a.jsonl", b'{"text": 7}\n', "line 1: `text`: expected a string, got a number"),
            ("a.jsonl", b'{"words": "Fine."}\n', "line 1: no key `text`"),
            ("a.jsonl", b'{"text": "x", "piece_ids": [1]}\n{"piece_ids": [1]}', "line 2: no key"),
        ],
    )
    def test_bad_files_name_file_line_and_key(self, tmp_path, name, content, message) -> None:
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ConfigurationError, match=message):
            list(make_reader().read(str(tmp_path / name)))

    def test_plain_text_has_no_columns_and_any_extension(self, tmp_path) -> None:
        (tmp_path / "wiki.raw").write_text("Fine.\n", encoding="utf-8")
        assert len(list(make_reader().read(str(tmp_path / "wiki.raw")))) == 1
        with pytest.raises(ConfigurationError, match="plain text has none"):
            list(make_reader(columns={"text": 1}).read(TRAIN))

    @pytest.mark.parametrize("block_size", [2, 129, -1])
    def test_a_block_size_that_bert_cannot_take(self, block_size) -> None:
        with pytest.raises(ConfigurationError, match="block_size` is"):
            make_reader(block_size=block_size)
