"""What is not installed, or cannot be imported, fails by its name when it is used."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch


def test_names_fail_when_they_are_used() -> None:
    from allennlp.data import image_loader

    with pytest.raises(ModuleNotFoundError, match="torchvision.io is not there: .*torchvision"):
        image_loader.torchvision.io()
    assert "torchvision" not in sys.modules


def test_names_of_names_fail_as_well(tmp_path) -> None:
    from allennlp.data.image_loader import TorchImageLoader

    (tmp_path / "image.png").touch()
    with pytest.raises(ModuleNotFoundError, match="torchvision.io.read_image is not there"):
        TorchImageLoader()(tmp_path / "image.png")


def test_push_to_hf_says_what_to_use(tmp_path) -> None:
    from allennlp.common.push_to_hf import push_to_hf

    with pytest.raises(ModuleNotFoundError, match="HfFolder.get_token .* `hf upload"):
        push_to_hf("name", serialization_dir=tmp_path)
    with pytest.raises(ModuleNotFoundError, match="HfApi .* `hf upload"):
        push_to_hf("name", serialization_dir=tmp_path, use_auth_token="hf_token")


def test_stand_ins_are_classes_to_inherit_from() -> None:
    from allennlp.nn.parallel import fairscale_fsdp_accelerator as module

    assert issubclass(module.FairScaleFsdpWrappedModel, object)
    assert issubclass(module.FS_FSDP, torch.nn.Module)
    assert not hasattr(module.FS_FSDP, "_private")


def run(directory: Path, code: str) -> subprocess.CompletedProcess:
    path = os.pathsep.join([str(directory), *filter(None, sys.path)])
    environment = {**os.environ, "PYTHONPATH": path}
    command = [sys.executable, "-c", code]
    return subprocess.run(command, env=environment, cwd=directory, capture_output=True, text=True)


def test_an_installed_package_that_cannot_be_imported(tmp_path) -> None:
    (tmp_path / "fairscale.py").write_text("raise RuntimeError('built for torch 1.12')")
    code = "from allennlp.nn.parallel import fairscale_fsdp_accelerator as m; m.FS_FSDP()"
    done = run(tmp_path, code)
    assert "fairscale cannot be imported (RuntimeError: built for torch 1.12)" in done.stderr


def test_rouge_finds_its_files_without_pkg_resources(tmp_path) -> None:
    (tmp_path / "rouge").mkdir()
    (tmp_path / "rouge" / "__init__.py").write_text(
        "import pkg_resources\n"
        "def Rouge(**options): return pkg_resources.resource_filename(__name__, 'a.txt')\n"
    )
    code = "import allennlp_models.rc.tools.narrativeqa as n; print(n.rouge_l_evaluator)"
    assert run(tmp_path, code).stdout.strip() == str(tmp_path / "rouge" / "a.txt")
