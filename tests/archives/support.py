"""Archives as an attacker, or a bad copy, may have left them; each is a real file."""

import io
import json
import tarfile
from pathlib import Path

import pytest
from allennlp.common.checks import ConfigurationError
from allennlp.models.archival import load_archive

WEIGHTS = "weights.th"


def pack(directory: Path, *others: tarfile.TarInfo) -> Path:
    """Packs the directory as an archive, with further members."""
    archive = directory.parent / "packed.tar.gz"
    with tarfile.open(archive, "w:gz", compresslevel=1) as tar:
        for path in sorted(directory.iterdir()):
            tar.add(path, arcname=path.name)
        for member in others:
            tar.addfile(member, io.BytesIO(b"x" * member.size))
    return archive


def change_config(directory: Path, **changes: object) -> Path:
    """Changes keys, which may lead into nested objects, with `__` between them."""
    config = json.loads((directory / "config.json").read_text())
    for path, value in changes.items():
        *keys, last = path.split("__")
        inner = config
        for key in keys:
            inner = inner.setdefault(key, {})
        inner[last] = value
    (directory / "config.json").write_text(json.dumps(config))
    return pack(directory)


def refusal(archive: Path) -> str:
    """Gives the one sentence with which an archive is not opened."""
    with pytest.raises(ConfigurationError) as caught:
        load_archive(archive)
    sentence = str(caught.value)
    assert str(archive) in sentence and "\n" not in sentence
    return sentence
