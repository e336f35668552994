"""`bert-classification install-allennlp`, by the pip or uv of an environment without AllenNLP."""

import os
from pathlib import Path

import pytest

from tests.allennlp_compat.environments import ALLENNLP, Environment, pack_wheel


@pytest.fixture(scope="module")
def wheels(tmp_path_factory) -> Path:
    directory = tmp_path_factory.mktemp("wheels")
    for distribution in ALLENNLP:
        pack_wheel(distribution, directory)
    return directory


def test_installs_and_tries_allennlp_once(tmp_path, wheels) -> None:
    environment = Environment(tmp_path, without=ALLENNLP, with_pip=True)
    offline = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels)}
    first = environment.run("install-allennlp", **offline)
    assert first.returncode == 0, first.stderr
    assert "own requirements exclude every current PyTorch" in first.stdout
    assert "--no-deps allennlp==2.10.1 allennlp-models==2.10.1" in first.stdout
    assert "AllenNLP works, with allennlp_models" in first.stdout
    second = environment.run("install-allennlp", PIP_NO_INDEX="1")
    assert second.returncode == 0 and "nothing to do" in second.stdout


def test_nothing_to_install_from(tmp_path) -> None:
    environment = Environment(tmp_path, without=ALLENNLP, with_pip=True)
    done = environment.run("install-allennlp", PIP_NO_INDEX="1", PIP_FIND_LINKS="")
    assert done.returncode == 1
    sentence = done.stderr.splitlines()[-1]
    assert sentence.startswith("bert-classification: AllenNLP was not installed")
    assert "PIP_FIND_LINKS" in sentence


def test_uv_where_there_is_no_pip(tmp_path) -> None:
    """uv is told to install into the environment of this interpreter, wherever it was started."""
    environment = Environment(tmp_path, without=ALLENNLP)
    uv = tmp_path / "uv"
    uv.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/arguments\nexit 1\n')
    uv.chmod(0o755)
    done = environment.run("install-allennlp", PATH=f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert done.returncode == 1
    arguments = (tmp_path / "arguments").read_text().split()
    python = str(tmp_path / "venv" / "bin" / "python")
    assert arguments[:4] == ["pip", "install", "--python", python]
    assert arguments[-2:] == ["allennlp==2.10.1", "allennlp-models==2.10.1"]


def test_neither_pip_nor_uv(tmp_path) -> None:
    environment = Environment(tmp_path, without=ALLENNLP)
    done = environment.run("install-allennlp", PATH=str(tmp_path))
    assert done.returncode == 1
    assert "Neither pip nor uv is there" in done.stderr
