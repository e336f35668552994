"""Files of columns."""

import shutil

import pytest
from allennlp.common.checks import ConfigurationError

from tests.token_classification.support import TRAIN, a_reader, words_and_tags, write


class TestColumns:
    @pytest.mark.parametrize(
        "text",
        [
            "-DOCSTART- -X- -X- O\n\nAnna NNP I-NP B-PER\nruns VBZ I-VP O\n\nYork NNP I-NP B-LOC\n",
            "Anna\tB-PER\nruns\tO\n\t\nYork\tB-LOC",
            "\ufeffAnna  x B-PER \r\nruns  x O\r\n \t \r\n-DOCSTART-\r\nYork x B-LOC\r\n\r\n\r\n",
            "Anna \t x\tB-PER\nruns\tx\tO\t\n-DOCSTART-\tx\tO\nYork\tx\tB-LOC\n",
        ],
        ids=["four with blanks", "tab as separator", "CRLF, BOM, blanks", "tabs and blanks"],
    )
    def test_sentences_and_columns(self, tmp_path, text) -> None:
        found = words_and_tags(write(tmp_path / "a.conll", text))
        assert found == [(["Anna", "runs"], ["B-PER", "O"]), (["York"], ["B-LOC"])]

    def test_words_that_are_or_hold_white_space_of_other_kinds(self, tmp_path) -> None:
        text = "\u00a0\tO\nSão Paulo\tB-LOC\na\u2028b\tO\n \tO\n"
        ((words, _),) = words_and_tags(write(tmp_path / "a.conll", text))
        assert words == ["\u00a0", "São Paulo", "a\u2028b", " "]

    def test_columns_by_number(self, tmp_path) -> None:
        path = write(tmp_path / "a.tsv", "1\tAnna\tB-PER\t_\t_\n2\truns\tO\t_\t_\n")
        (instance,) = a_reader(columns={"tokens": 1, "tags": 2}).read(path)
        assert instance["words"].metadata.tokens == ["Anna", "runs"]
        assert instance["tags"][0].tags == ["B-PER", "O"]

    @pytest.mark.parametrize("extension", ["conll", "txt", "iob", "bio", "annotated", "x"])
    def test_extensions_and_format(self, tmp_path, extension) -> None:
        path = shutil.copy(TRAIN, tmp_path / f"data.{extension}")
        reader = a_reader(format="conll" if extension == "x" else None)
        assert len(list(reader.read(path))) == 40

    def test_training_names_the_formats_it_knows(self, tmp_path) -> None:
        with pytest.raises(ConfigurationError, match="conll, jsonl"):
            list(a_reader().read(shutil.copy(TRAIN, tmp_path / "data.x")))
