"""What of a tokenizer.json in an archive is run."""

import json

import pytest

from bert_classification.archives.extraction import InvalidArchiveError
from bert_classification.archives.tokenizer_parts import check_parts
from tests.support import BERT

BERTS = {"type": "BertNormalizer", "lowercase": True}
SHORTER = {"type": "Replace", "pattern": {"String": "``"}, "content": '"'}
LONGER = {**SHORTER, "content": "a" * 3}
REGEX = {**SHORTER, "pattern": {"Regex": "(a+)+b"}}
SPLIT = {"type": "Split", "pattern": {"Regex": "(a+)+b"}}


def write(directory, **changes):
    path = directory / "tokenizer.json"
    with open(f"{BERT}/tokenizer.json", encoding="utf-8") as file:
        path.write_text(json.dumps({**json.load(file), **changes}))
    return path


@pytest.mark.parametrize("parts", [[BERTS], [{"type": "NFKC"}, BERTS], [SHORTER, BERTS], []])
def test_parts_in_proportion(tmp_path, parts) -> None:
    check_parts(write(tmp_path))
    check_parts(write(tmp_path, normalizer=None))
    check_parts(write(tmp_path, normalizer={"type": "Sequence", "normalizers": parts}))


@pytest.mark.parametrize("part", [REGEX, LONGER, {"type": "Prepend", "prepend": "a"}, {"type": []}])
def test_normalizers_that_are_refused(tmp_path, part) -> None:
    for normalizer in (part, {"type": "Sequence", "normalizers": [BERTS, part]}):
        with pytest.raises(InvalidArchiveError, match="`normalizer` in its tokenizer.json"):
            check_parts(write(tmp_path, normalizer=normalizer))


def test_others_that_are_refused(tmp_path) -> None:
    with pytest.raises(InvalidArchiveError, match="`pre_tokenizer`"):
        check_parts(write(tmp_path, pre_tokenizer=SPLIT))
    with pytest.raises(InvalidArchiveError, match="more than 32 parts"):
        check_parts(write(tmp_path, normalizer={"type": "Sequence", "normalizers": [BERTS] * 40}))
    with pytest.raises(InvalidArchiveError, match="max_input_chars_per_word"):
        check_parts(write(tmp_path, model={"max_input_chars_per_word": 10**9}))
