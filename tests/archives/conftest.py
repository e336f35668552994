"""Archives taken apart, for a test to change."""

from pathlib import Path

import pytest

from bert_classification.archives import extraction


@pytest.fixture
def unpacked(archive_of, tmp_path) -> Path:
    """The contents of an archive, for a test to change."""
    directory = tmp_path / "unpacked"
    directory.mkdir()
    extraction.extract(archive_of("classification"), directory)
    return directory


@pytest.fixture
def marker(tmp_path) -> Path:
    """A file that exists when something in an archive was executed, or written where it pleased."""
    path = tmp_path / "marker"
    yield path
    assert not path.exists()
