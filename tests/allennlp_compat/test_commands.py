"""AllenNLP's own commands and features on this stack, each through the command a user types."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support import ROOT, allennlp, run_allennlp

CONFIG = ROOT / "training_config" / "classification.jsonnet"


def train(directory: Path, overrides: dict[str, Any], *arguments: str) -> None:
    overrides = {"trainer.num_epochs": 1, **overrides}
    allennlp("train", CONFIG, "-s", directory, "-o", json.dumps(overrides), *arguments)


def metrics_of(directory: Path) -> dict[str, Any]:
    return json.loads((directory / "metrics.json").read_text())


def test_import_torch_alone_loads_neither_allennlp_nor_our_package() -> None:
    code = "import torch, sys; print(sorted(sys.modules))"
    modules = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout
    assert "'allennlp_compat'" in modules
    assert "'allennlp'" not in modules and "'bert_classification'" not in modules


def test_the_log_names_what_was_applied_and_start_up_asks_no_network(tmp_path) -> None:
    code = """
import socket, sys
def refuse(*args, **kwargs): raise SystemExit(f"network access: {args}")
socket.socket.connect = refuse
socket.getaddrinfo = refuse
sys.argv = ["allennlp", "--help"]
import runpy
runpy.run_path(sys.executable.rpartition("/")[0] + "/allennlp", run_name="__main__")
"""
    environment = {**os.environ, "ALLENNLP_COMPAT_LOG": "1", "HOME": str(tmp_path)}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "allennlp_compat: transformers.AdamW" in done.stderr
    assert "serve" in done.stdout  # our subcommand, in a directory without .allennlp_plugins


def test_package_says_how_to_install_allennlp_when_it_is_missing() -> None:
    hide = "import sys; sys.modules['allennlp'] = None; import bert_classification"
    command = [sys.executable, "-c", hide]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert "run `bert-classification install-allennlp`" in done.stderr


class TestTraining:
    def test_reduce_on_plateau_and_recover(self, tmp_path) -> None:
        scheduler = {"type": "reduce_on_plateau", "patience": 0, "verbose": True}
        overrides = {
            "trainer.learning_rate_scheduler": scheduler,
            "trainer.num_epochs": 2,
            "trainer.patience": None,
        }
        train(tmp_path, overrides)
        for path in tmp_path.glob("*_state_e2_b0.th"):
            path.unlink()  # as if the run had been stopped after its first epoch
        before = metrics_of(tmp_path)
        (tmp_path / "metrics.json").unlink()
        train(tmp_path, overrides, "--recover")
        after = metrics_of(tmp_path)
        assert after["epoch"] == before["epoch"] == 1
        assert after["validation_loss"] == pytest.approx(before["validation_loss"], abs=0.01)

    @pytest.mark.parametrize("start_method", ["fork", "spawn"])
    def test_data_workers(self, tmp_path, start_method) -> None:
        loader = {"batch_size": 32, "num_workers": 2, "start_method": start_method}
        train(tmp_path / "out", {"data_loader": loader, "validation_data_loader": loader})
        assert metrics_of(tmp_path / "out")["validation_loss"] > 0

    def test_distributed(self, tmp_path) -> None:
        overrides = {"distributed": {"cuda_devices": [-1, -1]}, "trainer.num_epochs": 1}
        arguments = ("-s", tmp_path / "out", "-o", json.dumps(overrides))
        done = run_allennlp("train", CONFIG, *arguments, cwd=ROOT)
        assert done.returncode == 0, done.stderr[-3000:]
        assert "worker_1_memory_MB" in done.stdout + done.stderr
        assert (tmp_path / "out" / "model.tar.gz").exists()

    def test_correct_bias_false_as_every_bert_of_2019_has_it(self, tmp_path) -> None:
        train(tmp_path / "out", {"trainer.optimizer.correct_bias": False})
        assert metrics_of(tmp_path / "out")["validation_loss"] > 0


class TestOtherCommands:
    def test_evaluate(self, tmp_path, archive_of) -> None:
        output = tmp_path / "metrics.json"
        dev = "fixtures/classification/dev.jsonl"
        archive = archive_of("classification")
        allennlp("evaluate", archive, dev, "--output-file", output)
        trained = metrics_of(archive.parent)
        assert json.loads(output.read_text())["loss"] == pytest.approx(
            trained["best_validation_loss"]
        )

    def test_find_lr(self, tmp_path) -> None:
        arguments = ("--num-batches", 11, "--start-lr", 1e-5, "--end-lr", 1e-3)
        allennlp("find-lr", CONFIG, "-s", tmp_path / "out", *arguments)

    def test_build_vocab(self, tmp_path) -> None:
        allennlp("build-vocab", CONFIG, tmp_path / "vocabulary.tar.gz")
        assert (tmp_path / "vocabulary.tar.gz").exists()

    def test_diff(self, archive_of, capsys) -> None:
        weights = archive_of("classification").parent / "best.th"
        allennlp("diff", weights, weights)
        assert "classifier.weight" in capsys.readouterr().out

    def test_print_results(self, archive_of, capsys) -> None:
        directory = archive_of("classification").parent
        allennlp("print-results", directory.parent, "--keys", "best_validation_loss")
        assert str(directory) in capsys.readouterr().out


def test_pretrained_transformer_tokenizer_works() -> None:
    from allennlp.data.tokenizers import PretrainedTransformerTokenizer

    tokens = PretrainedTransformerTokenizer("fixtures/bert").tokenize("The soup")
    assert [token.text for token in tokens][0] == "[CLS]"


def test_pretrained_transformer_indexer_folds_long_texts() -> None:
    from allennlp.data import Vocabulary
    from allennlp.data.token_indexers import PretrainedTransformerIndexer
    from allennlp.data.tokenizers import PretrainedTransformerTokenizer

    tokens = PretrainedTransformerTokenizer("fixtures/bert").tokenize("the the the the")
    indexer = PretrainedTransformerIndexer("fixtures/bert", max_length=4)
    ids = indexer.tokens_to_indices(tokens, Vocabulary())["token_ids"]
    first, *inner, last = (token.text_id for token in tokens)
    assert ids == [first, *inner[:2], last, first, *inner[2:], last]
