"""Schemes of tags, to IOB2 and back."""

import random

import pytest
from allennlp.common.checks import ConfigurationError

from bert_classification.token_classification.conll import to_columns
from bert_classification.token_classification.tag_schemes import from_iob2, to_iob2
from tests.token_classification.support import TAGS, a_reader, words_and_tags, write


class TestSchemes:
    @pytest.mark.parametrize(
        "scheme, tags, expected, malformed",
        [
            ("IOB1", "I-A I-A B-A I-B O I-A", "B-A I-A B-A B-B O B-A", 0),
            ("IOB1", "B-A I-A", "B-A I-A", 1),
            ("IOB2", "B-A I-A B-A B-B-C I-B-C", "B-A I-A B-A B-B-C I-B-C", 0),
            ("IOB2", "O I-A B-B I-A I-A", "O B-A B-B B-A I-A", 2),
            ("BIOES", "B-A I-A E-A S-A O S-B", "B-A I-A I-A B-A O B-B", 0),
            ("BIOES", "E-A I-A O B-A", "B-A B-A O B-A", 3),
        ],
    )
    def test_to_iob2(self, tmp_path, caplog, scheme, tags, expected, malformed) -> None:
        rows = "".join(f"w {tag}\n" for tag in tags.split())
        path = write(tmp_path / "a.conll", f"{rows}\n{rows}")
        first, second = a_reader(tag_scheme=scheme).read(path)
        assert first["tags"][0].tags == second["tags"][0].tags == expected.split()
        assert (f": {2 * malformed} tags were repaired" in caplog.text) == bool(malformed)

    @pytest.mark.parametrize("scheme", ["IOB1", "IOB2", "BIOES"])
    def test_written_and_read_again(self, tmp_path, scheme) -> None:
        random.seed(3)
        texts = [to_iob2(random.choices(TAGS, k=random.randint(1, 9)), "IOB2") for _ in range(99)]
        words = [random.choices(["a", "São Paulo", "😀", "\t", "-"], k=len(text)) for text in texts]
        written = [to_columns(*pair) for pair in zip(words, (from_iob2(t, scheme) for t in texts))]
        found = words_and_tags(write(tmp_path / "a.conll", "".join(written)), scheme)
        assert [to_iob2(tags, scheme) for _, tags in found] == texts
        assert [tokens for tokens, _ in found] == [
            [word.replace("\t", " ") for word in text] for text in words
        ]

    def test_an_unknown_scheme_is_refused(self) -> None:
        with pytest.raises(ConfigurationError, match="tag_scheme.*IOB1, IOB2, BIOES"):
            a_reader(tag_scheme="BILOU")
