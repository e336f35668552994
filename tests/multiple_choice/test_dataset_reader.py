"""Multiple choice: prompts with their choices, and what is wrong with them."""

from pathlib import Path

import pytest
from allennlp.common.checks import ConfigurationError

from tests.multiple_choice.support import RECORD, ends_with, reader_with
from tests.support import write_lines


class TestReader:
    @pytest.mark.parametrize("label", [1, "1", "a knife"])
    def test_labels_are_an_index_or_a_choice(self, reader, label) -> None:
        instance = reader.text_to_instance(RECORD["prompt"], RECORD["choices"], label)
        assert instance["label"].label == 1

    def test_a_choice_that_is_a_number_goes_before_an_index(self, reader) -> None:
        assert reader.text_to_instance("1 + 1 =", ["2", "3", "1"], "1")["label"].label == 2
        assert reader.text_to_instance("1 + 1 =", ["2", "3", "1"], 1)["label"].label == 1

    def test_the_prompt_is_cut_before_a_choice_and_from_its_beginning(
        self, tmp_path: Path, caplog
    ) -> None:
        prompt = "bread " * 30 + "and what now?"
        records = [RECORD, {**RECORD, "prompt": prompt, "choices": ["a knife", "knife " * 60]}]
        path = write_lines(tmp_path / "long.jsonl", records)
        reader = reader_with(indexer={"max_pieces": 24})
        short, long = list(reader.read(path))[1]["tokens"]
        assert len(short) == len(long) == 24
        assert ends_with(reader, short, "bread and what now?", "a knife")
        assert long.second == 2
        assert "1 of 2 texts were cut" in caplog.text

    def test_a_long_text_may_be_an_error(self) -> None:
        reader = reader_with(indexer={"max_pieces": 8, "truncate_long_sequences": False})
        with pytest.raises(ConfigurationError, match="more than `max_pieces` \\(8\\)"):
            reader.text_to_instance("bread " * 9, ["a", "b"])

    @pytest.mark.parametrize(
        "record, message",
        [
            ({**RECORD, "prompt": 5}, "`prompt`: expected a string"),
            ({"choices": ["a", "b"], "label": 0}, "no key `prompt`"),
            ({**RECORD, "prompt": ""}, "`prompt`: the text is empty"),
            ({"prompt": "One.", "label": 0}, "no key `choices`"),
            ({**RECORD, "choices": "a or b"}, "`choices`: expected two or more choices, got a str"),
            ({**RECORD, "choices": ["a"]}, "`choices`: expected two or more choices, got a list"),
            ({**RECORD, "choices": ["a", 5]}, r"`choices\[1\]`: expected a string"),
            ({**RECORD, "choices": ["a", " "]}, r"`choices\[1\]`: the text is empty"),
            ({**RECORD, "label": 2}, r"`label`: a number \(2\) is none of the choices"),
            ({**RECORD, "label": -1}, "`label`: .* is none of the choices"),
            ({**RECORD, "label": True}, "`label`: a boolean .* is none of the choices"),
            ({**RECORD, "label": "a spoon"}, "`label`: .* is none of the choices"),
            ({"prompt": "?", "choices": ["a", "a"], "label": "a"}, "`label`: .* more than one"),
            ({"prompt": "?", "choices": ["a", "b"]}, "no key `label`"),
            ({"question": "?", "choices": ["a", "b"]}, "no key `prompt`"),
            ({"question": {"stem": "?", "choices": [1, 2]}}, r"`question.choices\[0\]`: expected"),
            ({"question": {"stem": "?"}}, "`question.choices`: expected two or more"),
            ({"article": "A.", "questions": ["?"], "options": []}, "`options`: expected a list"),
        ],
    )
    def test_bad_records_name_file_line_and_key(self, reader, tmp_path, record, message) -> None:
        path = write_lines(tmp_path / "bad.jsonl", [RECORD, record])
        with pytest.raises(ConfigurationError, match=f"bad.jsonl, line 2: {message}"):
            list(reader.read(path))

    @pytest.mark.parametrize(
        "name, content, message",
        [
            ("empty.jsonl", b"", "no record"),
            ("latin.jsonl", b'{"prompt": "caf\xe9"}\n', "line 1: not utf-8"),
            ("one.csv", b"sent1,sent2,ending0,label\nA.,B,c,0\n", "line 2: `ending0`, `ending1`"),
            ("blank.csv", b"sent1,sent2,ending0,ending1,label\nA.,B,c,,0\n", "line 2: `ending1`"),
            ("label.csv", b"sent1,sent2,ending0,ending1,label\nA.,B,c,d,2\n", "line 2: `label`"),
        ],
    )
    def test_bad_files_name_file_and_line(self, reader, tmp_path, name, content, message) -> None:
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ConfigurationError, match=f"{name}.*{message}"):
            list(reader.read(str(tmp_path / name)))
