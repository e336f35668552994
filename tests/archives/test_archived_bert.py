"""An archive as a checkpoint: only what is known is read of it."""

import io
import tarfile
from pathlib import Path

import pytest
from allennlp.common.checks import ConfigurationError

from bert_classification.archives.archived_bert import find_archived_bert
from bert_classification.bert.config import read_config
from bert_classification.bert.word_pieces import WordPieceTokenizer
from tests.support import BERT


def archive_with(path: Path, members: list[tarfile.TarInfo], content: bytes = b"{}") -> str:
    with tarfile.open(path, "w:gz") as archive:
        for member in members:
            member.size = len(content) if member.isreg() else 0
            archive.addfile(member, io.BytesIO(content))
    return str(path)


def link(name: str, target: str) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = tarfile.SYMTYPE, target
    return member


def test_names_of_other_checkpoints_are_left_alone(tmp_path: Path) -> None:
    for name in (BERT, str(tmp_path), "bert-base-cased"):
        assert find_archived_bert(name) is None


@pytest.mark.parametrize(
    "member",
    [
        tarfile.TarInfo("vocabulary/.bert/model/../../../../escaped"),
        tarfile.TarInfo("/etc/escaped"),
        link("vocabulary/.bert/model/link.json", "/etc/passwd"),
    ],
    ids=["parent", "absolute", "link"],
)
def test_an_archive_that_reaches_out_is_refused(tmp_path: Path, member) -> None:
    config = tarfile.TarInfo("vocabulary/.bert/model/config.json")
    path = archive_with(tmp_path / "model.tar.gz", [config, member])
    with pytest.raises(ConfigurationError, match="model.tar.gz is not opened: its member"):
        find_archived_bert(path)


@pytest.mark.parametrize("read", [WordPieceTokenizer, find_archived_bert])
def test_other_files_are_refused_by_name(tmp_path: Path, read) -> None:
    empty = archive_with(tmp_path / "empty.tar.gz", [])
    with pytest.raises(ConfigurationError, match="empty.tar.gz: this archive carries no BERT"):
        read(empty)
    (tmp_path / "text.gz").write_text("no archive")
    with pytest.raises(ConfigurationError, match="text.gz is not opened: it is not a tar.gz"):
        read(str(tmp_path / "text.gz"))


def test_an_archive_without_weights(tmp_path: Path) -> None:
    member = tarfile.TarInfo("vocabulary/.bert/model/config.json")
    path = archive_with(tmp_path / "model.tar.gz", [member], b'{"model_type": "bert"}')
    assert read_config(find_archived_bert(path).configuration).model_type == "bert"
    with pytest.raises(ConfigurationError, match="model.tar.gz is not opened: it has no weights"):
        find_archived_bert(path).read_weights()
