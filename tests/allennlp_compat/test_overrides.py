"""`from overrides import overrides` in a project on AllenNLP, with the package and without it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = """
import allennlp.data
from allennlp.data import DatasetReader
from overrides import overrides

class Reader(allennlp.data.DatasetReader):
    @overrides
    def _read(self, path: str, more: int):
        return []

    @classmethod
    @overrides
    def by_name(cls, name):
        return name

print(Reader._read.__override__, Reader.by_name("a"))
"""
# What an installed one does: it looks at its callers, and refuses.
STRICT = """
import sys

def overrides(method):
    caller = sys._getframe(1).f_code.co_name
    raise TypeError(f"{method.__name__} in {caller}")
"""


def run(directory: Path, code: str) -> subprocess.CompletedProcess:
    path = os.pathsep.join([str(directory), *filter(None, sys.path)])
    environment = {**os.environ, "PYTHONPATH": path}
    command = [sys.executable, "-c", code]
    return subprocess.run(command, env=environment, cwd=directory, capture_output=True, text=True)


@pytest.mark.parametrize("first", ["", "import torch\n"])
def test_a_project_imports_it_where_it_is_missing(tmp_path, first) -> None:
    done = run(tmp_path, first + PROJECT)
    assert done.stdout == "True a\n", done.stderr


@pytest.mark.parametrize("first", ["", "import torch\n", "import overrides\n"])
def test_an_installed_one_checks_nothing_on_allennlp(tmp_path, first) -> None:
    (tmp_path / "overrides.py").write_text(STRICT)
    done = run(tmp_path, first + PROJECT)
    assert done.stdout == "True a\n", done.stderr


def test_it_checks_other_modules_as_it_did(tmp_path) -> None:
    (tmp_path / "overrides.py").write_text(STRICT)
    code = "from overrides import overrides\nclass A:\n    @overrides\n    def f(self): pass"
    done = run(tmp_path, f"import torch\n{code}")
    assert done.stderr.endswith("TypeError: f in A\n")


def test_it_is_missing_as_before_without_allennlp(tmp_path) -> None:
    done = run(tmp_path, "import torch, importlib.util as u; print(u.find_spec('overrides'))")
    assert done.stdout == "None\n", done.stderr
