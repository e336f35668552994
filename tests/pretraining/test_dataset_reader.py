"""Pre-training: pairs in records, and what is wrong with files and settings."""

from pathlib import Path

import pytest
from allennlp.common.checks import ConfigurationError

from tests.pretraining.support import TRAIN, make_reader, segments


class TestReader:
    @pytest.mark.parametrize(
        "name, text, settings",
        [
            ("a.tsv", "text\ttext_pair\tlabel\nOne.\tTwo.\tnot_next\n", {}),
            ("a.jsonl", '{"sentence": "One.", "text_pair": "Two.", "label": 1}\n', {}),
            ("a.csv", "text,text_pair,label\nOne.,Two.,other\n", {"label_names": ["on", "other"]}),
        ],
    )
    def test_pairs_in_records(self, tmp_path: Path, name, text, settings) -> None:
        (tmp_path / name).write_text(text)
        (instance,) = make_reader(**settings).read(str(tmp_path / name))
        expected = make_reader().text_to_instance("One.", "Two.", "not_next")
        assert segments(instance) == segments(expected)
        assert list(make_reader(**settings).read(TRAIN))

    @pytest.mark.parametrize(
        "name, content, message",
        [
            ("empty.txt", b"", "no sentence"),
            ("latin.txt", b"One.\nTwo.\n\nCaf\xe9.\nFour.\n", "line 4: not utf-8"),
            ("lone.txt", b"One.\nTwo.\n\nThree.\n", "line 4: .* one sentence"),
            ("one.txt", b"One.\nTwo.\n", "lines 1 to 2: .* only one"),
            ("a.jsonl", b'{"text": "One.", "label": 0}\n', "line 1: no key `text_pair`"),
            ("a.jsonl", b'{"text": "One.", "text_pair": "Two."}\n', "line 1: no key `label`"),
        ],
    )
    def test_bad_files_name_file_and_line(self, tmp_path: Path, name, content, message) -> None:
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ConfigurationError, match=f"{name}.*{message}"):
            list(make_reader().read(str(tmp_path / name)))

    @pytest.mark.parametrize(
        "options, message",
        [
            ({"short_seq_prob": 1.5}, "short_seq_prob"),
            ({"max_pieces": 4}, "`max_pieces` is 4"),
            ({"label_names": ["one"]}, "`label_names` has one"),
        ],
    )
    def test_bad_settings(self, options, message) -> None:
        with pytest.raises(ConfigurationError, match=message):
            make_reader(**options)
