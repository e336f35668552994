"""Files of weights, in both formats."""

import shutil
from pathlib import Path

import pytest
import torch
from allennlp.common.checks import ConfigurationError
from allennlp.models.archival import load_archive
from allennlp.predictors import Predictor

from bert_classification.archives.weights import read_weights, write_safetensors


def test_tied_weights_are_written_once_and_read_under_both_names(tmp_path) -> None:
    tied, view = torch.randn(100, 100), torch.randn(4, 6)
    state = {"embeddings": tied, "decoder": tied, "part": view[:2], "turned": view.T}
    write_safetensors(state, tmp_path / "weights.safetensors")
    assert (tmp_path / "weights.safetensors").stat().st_size < 50_000
    read = read_weights(tmp_path / "weights.safetensors")
    assert read.keys() == state.keys()
    assert all(torch.equal(read[name], state[name]) for name in state)


def test_in_a_directory_and_as_a_file_beside_it(archive_of, tmp_path) -> None:
    directory = shutil.copytree(archive_of("classification").parent, tmp_path / "trained")
    state = torch.load(directory / "best.th")
    for path in [*directory.glob("*.th"), directory / "model.tar.gz"]:
        path.unlink()
    write_safetensors(state, directory / "weights.safetensors")
    write_safetensors(state, tmp_path / "other.safetensors")
    archive = archive_of("classification")
    for model in (
        load_archive(directory).model,
        load_archive(archive, weights_file=str(tmp_path / "other.safetensors")).model,
    ):
        assert all(torch.equal(tensor, state[name]) for name, tensor in model.state_dict().items())
    assert Predictor.from_path(directory).predict_json({"text": "Good."})["label"]


@pytest.mark.parametrize("contents", [b"", b"x" * 100, b"\xff" * 8 + b"{}"])
def test_damaged_safetensors(tmp_path, contents) -> None:
    path = tmp_path / "weights.safetensors"
    path.write_bytes(contents)
    with pytest.raises(ConfigurationError, match="weights.safetensors is damaged"):
        read_weights(path)


def test_a_missing_file(archive_of) -> None:
    with pytest.raises(ConfigurationError, match="there are no weights in gone.th"):
        load_archive(archive_of("classification"), weights_file=str(Path("gone.th")))
