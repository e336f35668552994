"""AllenNLP's own commands and features on this stack, each through the command a user types."""

import copy
import gc
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from allennlp.common import Params
from allennlp.common.checks import ConfigurationError, check_for_gpu
from allennlp.common.util import import_module_and_submodules
from allennlp.training.optimizers import Optimizer

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
    assert "allennlp_compat: huggingface_adamw" in done.stderr
    assert "serve" in done.stdout  # our subcommand, in a directory without .allennlp_plugins


def test_plugins_are_imported_with_all_their_modules(tmp_path, monkeypatch) -> None:
    # Directories that Python has read already are read again, once for each plugin.
    monkeypatch.syspath_prepend(tmp_path)
    enabled = gc.isenabled()
    for plugin in ("first_plugin", "second_plugin"):
        package = tmp_path / plugin
        (package / "inner").mkdir(parents=True)
        for path in ("__init__.py", "one.py", "inner/__init__.py", "inner/two.py"):
            (package / path).write_text("import gc; enabled = gc.isenabled()\n")
        import_module_and_submodules(plugin)
        names = {name for name in sys.modules if name.startswith(plugin)}
        assert names == {plugin, f"{plugin}.one", f"{plugin}.inner", f"{plugin}.inner.two"}
        assert not sys.modules[f"{plugin}.inner.two"].enabled
        assert gc.isenabled() == enabled
    (tmp_path / "broken_plugin.py").write_text("1 / 0")
    with pytest.raises(ZeroDivisionError):
        import_module_and_submodules("broken_plugin")
    assert gc.isenabled() == enabled
    (tmp_path / "after.py").write_text("")
    import_module_and_submodules("after")
    assert "after" in sys.modules


def test_package_says_how_to_install_allennlp_when_it_is_missing() -> None:
    hide = "import sys; sys.modules['allennlp'] = None; import bert_classification"
    command = [sys.executable, "-c", hide]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert "pip install --no-deps allennlp==2.10.1 allennlp-models==2.10.1" in done.stderr


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

    def test_recover_reads_numpy_scalars(self, tmp_path) -> None:
        import numpy
        import torch
        from allennlp.training import Checkpointer

        checkpointer = Checkpointer(tmp_path)
        torch.save({"weight": torch.ones(1)}, tmp_path / "model_state_e1_b2.th")
        state = {"f1": numpy.float64(0.5), "n": numpy.int64(3), "half": numpy.float32(0.25)}
        torch.save(state, tmp_path / "training_state_e1_b2.th")
        assert checkpointer.load_checkpoint()[1] == state

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

    def test_sparse_gradients_are_clipped_by_their_norm(self) -> None:
        import torch
        from allennlp.training import gradient_descent_trainer

        embedding = torch.nn.Embedding(5, 3, sparse=True)
        embedding(torch.tensor([1, 1, 2])).sum().backward()
        expected = embedding.weight.grad.to_dense().norm()
        norm = gradient_descent_trainer.clip_grad_norm_(embedding.parameters(), 1.0)
        assert norm == pytest.approx(float(expected))
        assert embedding.weight.grad.to_dense().norm() == pytest.approx(1.0, abs=1e-4)

    def test_correct_bias_false_is_refused_by_name(self, tmp_path) -> None:
        with pytest.raises(ValueError, match="correct_bias"):
            train(tmp_path / "out", {"trainer.optimizer.correct_bias": False})


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


def test_stand_ins_fail_by_name_when_they_are_used() -> None:
    from allennlp.data import image_loader

    with pytest.raises(ModuleNotFoundError, match="torchvision"):
        image_loader.torchvision.io()
    assert "torchvision" not in sys.modules


def test_pretrained_transformer_tokenizer_works() -> None:
    from allennlp.data.tokenizers import PretrainedTransformerTokenizer

    tokens = PretrainedTransformerTokenizer("fixtures/bert").tokenize("The soup")
    assert [token.text for token in tokens][0] == "[CLS]"


@pytest.mark.parametrize("groups", [None, [[["bias"], {"weight_decay": 0.0}]]])
def test_fused_adamw_gives_the_numbers_of_pytorchs(groups) -> None:
    torch.manual_seed(0)
    ours = torch.nn.Linear(5, 3)
    theirs = copy.deepcopy(ours)
    settings = {"type": "huggingface_adamw", "lr": 0.01, "weight_decay": 0.1}
    params = Params({**settings, "parameter_groups": groups} if groups else settings)
    fused = Optimizer.from_params(params, model_parameters=list(ours.named_parameters()))
    assert fused.defaults["fused"]
    bias = {"params": [theirs.bias], **({"weight_decay": 0.0} if groups else {})}
    plain = torch.optim.AdamW(
        [{"params": [theirs.weight]}, bias], lr=0.01, weight_decay=0.1, eps=1e-8, foreach=False
    )
    batch = torch.randn(4, 5)
    for model, optimizer in ((ours, fused), (theirs, plain)):
        for _ in range(3):
            optimizer.zero_grad()
            model(batch).square().sum().backward()
            optimizer.step()
    assert torch.allclose(ours.weight, theirs.weight, atol=1e-6)
    assert torch.allclose(ours.bias, theirs.bias, atol=1e-6)


def test_pretrained_transformer_indexer_folds_long_texts() -> None:
    from allennlp.data import Vocabulary
    from allennlp.data.token_indexers import PretrainedTransformerIndexer
    from allennlp.data.tokenizers import PretrainedTransformerTokenizer

    tokens = PretrainedTransformerTokenizer("fixtures/bert").tokenize("the the the the")
    indexer = PretrainedTransformerIndexer("fixtures/bert", max_length=4)
    ids = indexer.tokens_to_indices(tokens, Vocabulary())["token_ids"]
    first, *inner, last = (token.text_id for token in tokens)
    assert ids == [first, *inner[:2], last, first, *inner[2:], last]


def test_a_gpu_that_is_not_there_is_a_device_all_the_same() -> None:
    with pytest.raises(ConfigurationError, match="GPU"):
        check_for_gpu(99)
