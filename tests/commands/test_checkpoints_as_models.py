"""The commands that take a trained model take a checkpoint in its place."""

import json
from pathlib import Path

import pytest

from tests.bert.published import LABELS, publish
from tests.serving.support import run_server
from tests.support import allennlp, read_json_lines, write_lines

RECORDS = [{"text": f"Text number {number}.", "label": LABELS[number % 2]} for number in range(12)]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory) -> Path:
    directory = tmp_path_factory.mktemp("published") / "checkpoint"
    publish(directory, "BertForSequenceClassification")
    return directory


@pytest.fixture
def data(tmp_path, monkeypatch) -> str:
    monkeypatch.setenv("ALLENNLP_CACHE_ROOT", str(tmp_path / "cache"))
    return write_lines(tmp_path / "data.jsonl", RECORDS)


@pytest.mark.parametrize("command", ["explain", "attack", "influence"])
def test_lines(checkpoint, data, tmp_path, command) -> None:
    options = {"explain": ["--steps", 2], "influence": ["--recursion-depth", 1, "--k", 1]}
    trained_on = [data] if command == "influence" else []
    output = tmp_path / "out.jsonl"
    allennlp(command, checkpoint, *trained_on, data, "-o", output, *options.get(command, []))
    assert [line["prediction"]["label"] in LABELS for line in read_json_lines(output)] == [
        True
    ] * 12


def test_predict_and_evaluate(checkpoint, data, tmp_path) -> None:
    allennlp("predict", checkpoint, data, "--output-file", tmp_path / "out.jsonl", "--silent")
    outputs = read_json_lines(tmp_path / "out.jsonl")
    allennlp("evaluate", checkpoint, data, "--output-file", tmp_path / "metrics.json")
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    right = sum(output["label"] == output["gold"] for output in outputs)
    assert metrics["accuracy"] == pytest.approx(right / 12)


def test_probe_and_export(checkpoint, data, tmp_path) -> None:
    allennlp("probe", checkpoint, data, "-d", tmp_path / "probe")
    assert (tmp_path / "probe" / "probe.json").is_file()
    allennlp("export-hf", checkpoint, tmp_path / "exported")
    exported = (tmp_path / "exported" / "model.safetensors").read_bytes()
    assert len(exported) == pytest.approx(
        len((checkpoint / "model.safetensors").read_bytes()), abs=64
    )


def test_serve(checkpoint, tmp_path) -> None:
    cache = {"ALLENNLP_CACHE_ROOT": str(tmp_path / "cache")}
    with run_server(checkpoint, tmp_path, **cache) as server:
        answer = server.client.post("/predict", json={"text": "The soup was cold."})
        assert answer.json()["label"] in LABELS
