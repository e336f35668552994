"""Pairs of sentences in records, and what is wrong with them."""

from pathlib import Path

import pytest
from allennlp.common.checks import ConfigurationError
from allennlp.data import Vocabulary

from tests.next_sentence_prediction.support import PAIR, TRAIN, reader_with
from tests.support import write_lines


class TestReader:
    @pytest.mark.parametrize(
        "name, text, settings",
        [
            ("a.tsv", "text\ttext_pair\tlabel\nOne.\tTwo.\tnot_next\n", {}),
            ("a.csv", 'text,text_pair,label\nOne.,"Two.",1\n', {}),
            ("a.jsonl", '{"sentence": "One.", "text_pair": "Two.", "label": 1}\n', {}),
            (
                "a.csv",
                "first,second,kind\nOne.,Two.,random\n",
                {
                    "columns": {"text": "first", "text_pair": "second", "label": "kind"},
                    "label_names": ["next", "random"],
                },
            ),
        ],
        ids=["tsv", "csv", "jsonl", "own names"],
    )
    def test_formats_and_fixed_indices(self, tmp_path: Path, name, text, settings) -> None:
        (tmp_path / name).write_text(text)
        (instance,) = reader_with(**settings).read(str(tmp_path / name))
        expected = reader_with().text_to_instance("One.", "Two.", "not_next")
        assert instance["tokens"].ids.tolist() == expected["tokens"].ids.tolist()
        instance.index_fields(Vocabulary())
        assert instance["label"].as_tensor({}) == 1

    @pytest.mark.parametrize(
        "record, message",
        [
            ({**PAIR, "text": 5}, "`text`: expected a string"),
            ({"text": "One.", "label": "is_next"}, "no key `text_pair`"),
            ({**PAIR, "text_pair": " "}, "`text_pair`: the text is empty"),
            ({**PAIR, "label": "maybe"}, "`label`: 'maybe' is not in"),
            ({**PAIR, "label": 2}, "`label`: '2' is not in"),
            ({**PAIR, "label": None}, "`label` is null"),
        ],
    )
    def test_bad_records_name_file_line_and_key(self, reader, tmp_path, record, message) -> None:
        path = write_lines(tmp_path / "bad.jsonl", [PAIR, record])
        with pytest.raises(ConfigurationError, match=f"bad.jsonl, line 2: {message}"):
            list(reader.read(path))

    @pytest.mark.parametrize(
        "name, content, message",
        [
            ("empty.jsonl", b"", "no record"),
            ("empty.txt", b"\n", "no sentence"),
            ("latin.txt", b"One.\nTwo.\n\nCaf\xe9.\nFour.\n", "line 4: not utf-8"),
            ("lone.txt", b"One.\nTwo.\n\nThree.\n", "line 4: `text_pair`: .* one sentence"),
            ("one.txt", b"One.\nTwo.\n", "lines 1 to 2: `text_pair`: .* only one"),
        ],
    )
    def test_bad_files_name_file_and_line(self, reader, tmp_path, name, content, message) -> None:
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ConfigurationError, match=f"{name}.*{message}"):
            list(reader.read(str(tmp_path / name)))

    def test_columns_of_plain_text(self) -> None:
        with pytest.raises(ConfigurationError, match="plain text has none"):
            list(reader_with(columns={"text": 1}).read(TRAIN))

    def test_long_pairs_are_cut_and_counted(self, tmp_path: Path, caplog) -> None:
        path = write_lines(tmp_path / "long.jsonl", [PAIR, {**PAIR, "text": "rain " * 50}])
        instances = list(reader_with(indexer={"max_pieces": 20}).read(path))
        assert max(len(instance["tokens"]) for instance in instances) == 20
        assert "1 of 2 texts were cut" in caplog.text
