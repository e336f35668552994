"""`allennlp embed`, and vectors that sentence-transformers gives as well."""

import json
import logging
import subprocess
import sys
from typing import Any

import numpy
import pytest
from allennlp.common import Params
from allennlp.common.checks import ConfigurationError
from sentence_transformers import SentenceTransformer

from tests.commands.support import records_of
from tests.embedding.support import TEXTS, hugging_face, make_predictor
from tests.support import FIXTURES, TASKS, allennlp, read_json_lines, write_lines

LINES = [{"id": 1, "text": TEXTS[0]}, {"text": ""}, "no JSON", {"text": TEXTS[1], "label": 0.5}]


@pytest.fixture
def data(tmp_path) -> str:
    return write_lines(tmp_path / "in.jsonl", LINES)


def expected() -> numpy.ndarray:
    output, mask = hugging_face(TEXTS[:2])
    return ((output.last_hidden_state * mask).sum(1) / mask.sum(1)).numpy()


def run_python(script: str, *arguments: Any) -> subprocess.CompletedProcess:
    command = [sys.executable, "-c", script, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


def test_npy(archive_of, tmp_path, data, caplog) -> None:
    out = tmp_path / "out.npy"
    with caplog.at_level(logging.WARNING):
        allennlp("embed", archive_of("embedding"), data, out)
    vectors = numpy.load(out)
    assert vectors.shape == (4, 32) and vectors.dtype == numpy.float32
    assert numpy.isnan(vectors[1:3]).all() and not numpy.isnan(vectors[[0, 3]]).any()
    assert f"{data}, line 2: `text`: the text is empty." in caplog.text
    assert "2 of 4 lines have no vector" in caplog.text
    assert not list(tmp_path.glob("*.partial"))


def test_jsonl(archive_of, tmp_path, data) -> None:
    allennlp("embed", archive_of("embedding"), data, tmp_path / "out.jsonl", "--dimensions", 3)
    first, empty, broken, last = read_json_lines(tmp_path / "out.jsonl")
    assert first["id"] == 1 and len(first["embedding"]) == 3 and "error" not in first
    assert empty == {"embedding": None, "error": "`text`: the text is empty.", "line": 2}
    assert broken["line"] == 3 and last["gold"] == 0.5


def test_parquet(archive_of, tmp_path, data) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    allennlp("embed", archive_of("embedding"), data, tmp_path / "out.parquet")
    allennlp("embed", archive_of("embedding"), data, tmp_path / "out.npy")
    table = parquet.read_table(tmp_path / "out.parquet")
    rows = table.to_pylist()
    assert [row["line"] for row in rows] == [1, 2, 3, 4]
    assert [row["error"] is None for row in rows] == [True, False, False, True]
    assert rows[1]["embedding"] is None
    assert numpy.array_equal(rows[3]["embedding"], numpy.load(tmp_path / "out.npy")[3])


@pytest.mark.parametrize("task", TASKS)
def test_the_bert_of_any_task(task, archive_of, tmp_path, data) -> None:
    allennlp("embed", archive_of(task), data, tmp_path / "out.npy")
    vectors = numpy.load(tmp_path / "out.npy")
    assert vectors.shape == (4, 32) and numpy.isfinite(vectors[[0, 3]]).all()


def test_a_bert_that_was_not_trained_gives_its_own_states(tmp_path, data) -> None:
    overrides = {"trainer.num_epochs": 1, "trainer.optimizer.lr": 0.0}
    config = "training_config/classification.jsonnet"
    allennlp("train", config, "-s", tmp_path / "out", "-o", json.dumps(overrides))
    allennlp("embed", tmp_path / "out" / "model.tar.gz", data, tmp_path / "out.npy")
    assert numpy.allclose(numpy.load(tmp_path / "out.npy")[[0, 3]], expected(), atol=1e-5)
    options = ("--pooling", "cls", "--normalize", "--layers", 1, -1)
    allennlp("embed", tmp_path / "out" / "model.tar.gz", data, tmp_path / "out.npy", *options)
    wanted = make_predictor(pooling="cls", normalize=True, layers=[1, -1])
    assert numpy.allclose(
        numpy.load(tmp_path / "out.npy")[[0, 3]],
        wanted.vectors_or_errors([LINES[0], LINES[3]]),
        atol=1e-5,
    )


def test_a_reader_of_others(tmp_path, data) -> None:
    config = Params.from_file("training_config/classification.jsonnet").as_dict()
    indexers = config["dataset_reader"]["token_indexers"]
    config["dataset_reader"] = {
        "type": "text_classification_json",
        "tokenizer": "whitespace",
        "token_indexers": indexers,
    }
    config["trainer"].update(num_epochs=1, optimizer={"type": "sgd", "lr": 0.0})
    config["trainer"]["learning_rate_scheduler"] = None
    (tmp_path / "config.json").write_text(json.dumps(config))
    allennlp("train", tmp_path / "config.json", "-s", tmp_path / "out")
    allennlp("embed", tmp_path / "out" / "model.tar.gz", data, tmp_path / "out.npy")
    assert numpy.allclose(numpy.load(tmp_path / "out.npy")[[0, 3]], expected(), atol=1e-5)


def test_many_lines_in_their_order(tmp_path) -> None:
    texts = [f"the train {'was late ' * (number % 7)}{number}" for number in range(2500)]
    data = write_lines(tmp_path / "in.jsonl", [{"text": text} for text in texts])
    archive = FIXTURES / "archives" / "classification.tar.gz"
    allennlp("embed", archive, data, tmp_path / "out.npy")
    vectors = numpy.load(tmp_path / "out.npy", mmap_mode="r")
    assert vectors.shape == (2500, 32)
    few = write_lines(tmp_path / "few.jsonl", [{"text": texts[at]} for at in (3, 1030, 2499)])
    allennlp("embed", archive, few, tmp_path / "few.npy")
    assert numpy.allclose(vectors[[3, 1030, 2499]], numpy.load(tmp_path / "few.npy"), atol=1e-5)


def test_a_vector_for_each_piece(archive_of, tmp_path, data) -> None:
    archive, out = archive_of("embedding"), tmp_path / "out.jsonl"
    allennlp("embed", archive, data, out, "--pooling", "tokens")
    first, *_ = read_json_lines(out)
    assert len(first["embedding"]) > 5 and len(first["embedding"][0]) == 32
    with pytest.raises(ConfigurationError, match="name a file .jsonl"):
        allennlp("embed", archive, data, tmp_path / "out.npy", "--pooling", "tokens")


@pytest.mark.parametrize(
    "output, options, message",
    [
        ("out.csv", (), "out.csv: expected a name that ends in .npy, .parquet, .jsonl"),
        ("missing/out.npy", (), "missing/out.npy: cannot be written"),
        ("in.jsonl", (), "would overwrite the input file"),
        ("out.npy", ("--dimensions", 33), "`dimensions` is 33"),
        ("out.npy", ("--layers", 5), "`layers` has 5"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(tmp_path, data, output, options, message) -> None:
    archive = FIXTURES / "archives" / "classification.tar.gz"
    with pytest.raises(ConfigurationError, match=message):
        allennlp("embed", archive, data, tmp_path / output, *options)
    assert {path.name for path in tmp_path.iterdir()} == {"in.jsonl"}


def test_a_full_disk_leaves_what_was_there(archive_of, tmp_path, data) -> None:
    out = tmp_path / "out.npy"
    out.write_text("before")
    script = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (200, 200));"
        "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "from allennlp.commands import main; main(prog='allennlp')"
    )
    done = run_python(script, "embed", archive_of("embedding").parent, data, out)
    assert done.returncode == 1 and f"{out}: cannot be written (File too large)." in done.stderr
    assert "Traceback" not in done.stderr and out.read_text() == "before"
    assert not list(tmp_path.glob("*.partial"))


def test_the_exported_model_gives_the_same_vectors(archive_of, tmp_path) -> None:
    config = "training_config/embedding.jsonnet"
    overrides = {"trainer.num_epochs": 1, "model.normalize": True, "model.pooling": "cls"}
    indexer = "dataset_reader.token_indexers.bert.max_pieces"
    allennlp(
        *("train", config, "-s", tmp_path / "out", "-o"), json.dumps({**overrides, indexer: 12})
    )
    archive = tmp_path / "out" / "model.tar.gz"
    allennlp("export-hf", archive, tmp_path / "exported")
    theirs = SentenceTransformer(str(tmp_path / "exported"), device="cpu")
    assert theirs.max_seq_length == 12
    texts = [*TEXTS, "the train was late and " * 20]
    data = write_lines(tmp_path / "in.jsonl", [{"text": text} for text in texts])
    allennlp("embed", archive, data, tmp_path / "out.npy")
    assert numpy.allclose(numpy.load(tmp_path / "out.npy"), theirs.encode(texts), atol=1e-5)


def test_the_shipped_config_is_exported_as_well(archive_of, tmp_path) -> None:
    allennlp("export-hf", archive_of("embedding"), tmp_path / "exported")
    theirs = SentenceTransformer(str(tmp_path / "exported"), device="cpu")
    texts = [record["text"] for record in records_of("embedding")]
    data = write_lines(tmp_path / "in.jsonl", [{"text": text} for text in texts])
    allennlp("embed", archive_of("embedding"), data, tmp_path / "out.npy")
    assert numpy.allclose(numpy.load(tmp_path / "out.npy"), theirs.encode(texts), atol=1e-5)


def test_what_sentence_transformers_cannot_do_is_said(archive_of, tmp_path, caplog) -> None:
    overrides = {"trainer.num_epochs": 1, "model.layers": [1, 2]}
    config = "training_config/embedding.jsonnet"
    allennlp("train", config, "-s", tmp_path / "out", "-o", json.dumps(overrides))
    with caplog.at_level(logging.WARNING):
        allennlp("export-hf", tmp_path / "out" / "model.tar.gz", tmp_path / "exported")
    assert "sentence-transformers has no place for `layers: [1, 2]`" in caplog.text
    assert not (tmp_path / "exported" / "modules.json").exists()
