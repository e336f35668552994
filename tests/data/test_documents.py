"""Documents in plain text."""

import gzip
from pathlib import Path

import pytest
from allennlp.common.checks import ConfigurationError

from bert_classification.data.documents import in_blocks, read_documents


def test_documents_keep_the_numbers_of_their_lines(tmp_path: Path) -> None:
    path = tmp_path / "corpus.txt"
    path.write_bytes("\ufeff\r\n One. \r\nTwo é.\r\n \t \r\n\r\nThree.".encode())
    assert list(read_documents(str(path))) == [[(2, "One."), (3, "Two é.")], [(6, "Three.")]]


def test_gzipped_documents_are_read(tmp_path: Path) -> None:
    path = tmp_path / "corpus.txt.gz"
    path.write_bytes(gzip.compress(b"One.\n\nTwo.\n"))
    assert list(read_documents(str(path))) == [[(1, "One.")], [(3, "Two.")]]


def test_a_file_of_blank_lines_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "corpus.txt"
    path.write_text("\n \n")
    with pytest.raises(ConfigurationError, match="corpus.txt: no sentence"):
        list(read_documents(str(path)))


@pytest.mark.parametrize("documents", [1, 2, 3, 4, 5, 6, 7])
@pytest.mark.parametrize("length", [1, 2, 5])
def test_blocks_hold_all_documents_and_never_one_alone(documents: int, length: int) -> None:
    corpus = [[(index, "text")] * length for index in range(documents)]
    blocks = list(in_blocks(iter(corpus), sentences=4))
    assert [document for block in blocks for document in block] == corpus
    assert all(len(block) > 1 for block in blocks) == (documents > 1)
    assert all(sum(map(len, block)) >= 4 for block in blocks[:-1])


def test_blocks_do_not_read_far_ahead() -> None:
    read = []
    documents = (read.append(index) or [(index, "text")] for index in range(100))
    next(in_blocks(documents, sentences=2))
    assert len(read) == 4
