"""`allennlp to-safetensors`."""

import tarfile

import pytest

from tests.support import FIXTURES, allennlp, read_json_lines


@pytest.mark.parametrize("task", ["classification", "masked_lm"])
def test_the_command_changes_the_format_only(archive_of, tmp_path, task) -> None:
    archive, records = tmp_path / "safe.tar.gz", FIXTURES / task / "predict.jsonl"
    allennlp("to-safetensors", archive_of(task), archive)
    with tarfile.open(archive) as tar:
        names = tar.getnames()
    assert "weights.safetensors" in names and "weights.th" not in names
    for each, output in ((archive_of(task), "before"), (archive, "after")):
        allennlp("predict", each, records, "--silent", "--output-file", tmp_path / output)
    before, after = (read_json_lines(tmp_path / output) for output in ("before", "after"))
    assert before and after == before
