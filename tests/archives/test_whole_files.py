import os

import pytest
import torch

from bert_classification.archives import serialization
from bert_classification.archives.checkpoints import find_checkpoints, has_whole_checkpoint
from bert_classification.archives.whole_files import (
    is_whole,
    replace_file,
    save_whole,
    write_whole,
)
from bert_classification.training.checkpointer import WholeCheckpointer


@pytest.fixture
def saved(tmp_path):
    save_whole({"weight": torch.arange(10000.0)}, tmp_path / "weights.th")
    return tmp_path / "weights.th"


def test_what_is_written_is_read(saved) -> None:
    assert is_whole(saved)
    assert torch.load(saved)["weight"].equal(torch.arange(10000.0))
    assert os.listdir(saved.parent) == ["weights.th"]


def test_no_flipped_byte_changes_what_is_read(saved) -> None:
    content = saved.read_bytes()
    weight = torch.load(saved)["weight"]
    for position in [*range(0, len(content), 97), *range(len(content) - 300, len(content))]:
        damaged = bytearray(content)
        damaged[position] ^= 255
        saved.write_bytes(damaged)
        assert not is_whole(saved) or torch.load(saved)["weight"].equal(weight)


def test_64_flipped_bytes_in_what_pytorch_has_written_by_itself(tmp_path) -> None:
    path = tmp_path / "weights.th"
    torch.save({"weight": torch.arange(10000.0)}, path)
    assert is_whole(path)
    content = bytearray(path.read_bytes())
    content[20000:20064] = bytes(byte ^ 1 for byte in content[20000:20064])
    path.write_bytes(content)
    torch.load(path)  # It does not notice.
    assert not is_whole(path)


@pytest.mark.parametrize("size", [0, 1, 100, -1, -1000])
def test_a_part_of_a_file_is_not_whole(saved, size) -> None:
    saved.write_bytes(saved.read_bytes()[:size])
    assert not is_whole(saved)


def test_neither_is_one_that_is_missing_or_a_directory(tmp_path) -> None:
    assert not is_whole(tmp_path / "missing.th")
    assert not is_whole(tmp_path)


def test_an_error_leaves_what_was_there(saved) -> None:
    before = saved.read_bytes()
    with pytest.raises(ValueError, match="mine"), replace_file(saved) as aside:
        aside.write_text("half")
        raise ValueError("mine")
    assert saved.read_bytes() == before
    assert os.listdir(saved.parent) == ["weights.th"]


def test_a_function_that_writes_a_file(tmp_path) -> None:
    def dump(text, path=None):
        if path is not None:
            with open(path, "w") as file:
                file.write(text)
                if text == "bad":
                    raise OSError("full")
        return text

    write = write_whole(dump, "path")
    assert write("nothing") == "nothing"
    assert write("none", None) == "none"
    assert write("good", str(tmp_path / "a.txt")) == "good"
    with pytest.raises(OSError, match="full"):
        write("bad", path=tmp_path / "a.txt")
    assert (tmp_path / "a.txt").read_text() == "good"


def save_pair(directory, epochs: int, batches: int) -> None:
    for kind in ("model_state", "training_state"):
        save_whole({"weight": torch.ones(3)}, directory / f"{kind}_e{epochs}_b{batches}.th")


def test_checkpoints_from_the_newest_on(tmp_path) -> None:
    for pair in ((0, 10), (0, 9), (2, 0), (10, 0)):
        save_pair(tmp_path, *pair)
    save_whole({}, tmp_path / "model_state_e11_b0.th")
    (tmp_path / "model_state_ex_b0.th").touch()
    found = [files[:2] for files in find_checkpoints(tmp_path)]
    assert found == [(10, 0), (2, 0), (0, 10), (0, 9)]


def test_removing_one_leaves_those_whose_names_begin_as_its(tmp_path) -> None:
    for batches in (1, 10, 100):
        save_pair(tmp_path, 0, batches)
    WholeCheckpointer(tmp_path)._remove_checkpoint(0, 1)
    assert [files.batches for files in find_checkpoints(tmp_path)] == [100, 10]


def test_weights_that_are_read_after_construction(tmp_path) -> None:
    assert not serialization.has_weights(None)
    assert not serialization.has_weights(str(tmp_path))
    save_whole({}, tmp_path / "best.th")
    assert not serialization.has_weights(str(tmp_path))
    with serialization.reading_weights():
        assert serialization.has_weights(str(tmp_path))
    save_pair(tmp_path, 1, 0)
    assert serialization.has_weights(str(tmp_path))
    (tmp_path / "training_state_e1_b0.th").write_bytes(b"half")
    assert not has_whole_checkpoint(tmp_path)
    assert not serialization.has_weights(str(tmp_path))
