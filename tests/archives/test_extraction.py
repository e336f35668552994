"""Members of archives as an attacker may have chosen them."""

import io
import tarfile

import pytest
from allennlp.common.checks import ConfigurationError
from allennlp.models.archival import load_archive

from bert_classification.archives import extraction
from tests.archives.support import change_config, pack, refusal


def member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "", size: int = 0):
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = kind, target, size
    return info


class TestMembers:
    @pytest.mark.parametrize(
        "name", ["../outside", "/tmp/outside", "vocabulary/../../outside", "c:\\x", "a\nb"]
    )
    def test_names(self, unpacked, name) -> None:
        assert "does not have a plain relative name" in refusal(pack(unpacked, member(name)))
        assert not (unpacked.parent / "outside").exists()

    @pytest.mark.parametrize(
        "kind, name",
        [
            (tarfile.SYMTYPE, "a symbolic link"),
            (tarfile.LNKTYPE, "a hard link"),
            (tarfile.CHRTYPE, "a device"),
            (tarfile.FIFOTYPE, "a named pipe"),
            (b"Z", "a file of a special kind"),
        ],
    )
    def test_kinds(self, unpacked, kind, name) -> None:
        assert f"'extra' is {name}" in refusal(pack(unpacked, member("extra", kind, "/etc/passwd")))

    @pytest.mark.parametrize("name", ["config.json", "config.json/inner"])
    def test_twice(self, unpacked, name) -> None:
        assert "takes the place of another" in refusal(pack(unpacked, member(name)))

    def test_a_bomb_stops_at_the_limit(self, unpacked, monkeypatch) -> None:
        monkeypatch.setattr(extraction, "MAX_BYTES", 2**21)
        archive = pack(unpacked, member("zeros", size=2**25))
        assert archive.stat().st_size < 2**21
        assert "unpacks to more than 2097152 bytes" in refusal(archive)

    def test_a_bomb_in_a_header(self, unpacked) -> None:
        name = member("x", size=2**24)
        name.type = tarfile.GNUTYPE_LONGNAME
        assert "bytes or more; expected at most 65536." in refusal(pack(unpacked, name))

    def test_members_are_read_in_parts_whatever_the_buffer(self, unpacked, monkeypatch) -> None:
        class Wide(tarfile.ExFileObject):
            def __init__(self, tar: tarfile.TarFile, info: tarfile.TarInfo) -> None:
                super().__init__(tar, info)
                io.BufferedReader.__init__(self, self.raw, 2 * extraction.MAX_READ)

        monkeypatch.setattr(tarfile.TarFile, "fileobject", Wide)
        assert load_archive(pack(unpacked, member("notes.txt", size=2**20))).model

    def test_a_bomb_in_the_weights(self, unpacked, monkeypatch) -> None:
        monkeypatch.setattr(extraction, "MAX_BYTES", 1000)
        with pytest.raises(ConfigurationError, match="weights.th unpacks to"):
            load_archive(unpacked)

    def test_too_many(self, unpacked, monkeypatch) -> None:
        monkeypatch.setattr(extraction, "MAX_MEMBERS", 20)
        members = (member(f"empty{index}") for index in range(20))
        assert "more than 20 members" in refusal(pack(unpacked, *members))

    def test_harmless_further_members_and_dots(self, unpacked) -> None:
        archive = unpacked.parent / "dots.tar.gz"
        (unpacked / "notes").mkdir()
        (unpacked / "notes" / "read me.txt").write_text("included by include_in_archive")
        with tarfile.open(archive, "w:gz") as tar:
            tar.add(unpacked, arcname=".")
        assert load_archive(archive).model

    def test_nothing_is_left_behind(self, unpacked, monkeypatch, tmp_path) -> None:
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
        (tmp_path / "temporary").mkdir()
        refusal(pack(unpacked, member("../x")))
        refusal(change_config(unpacked, model__type="os.abort"))
        assert load_archive(change_config(unpacked, model__type="bert_for_classification"))
        assert list((tmp_path / "temporary").iterdir()) == []
