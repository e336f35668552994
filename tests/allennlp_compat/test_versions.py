import os
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from allennlp_compat import versions
from tests.support import ROOT

PINS = dict(
    line.split("==") for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line
)


def test_what_was_tried_is_what_the_tests_run_with() -> None:
    for name, tried in versions.TRIED.items():
        assert PINS[name].startswith(f"{tried}.")


def test_a_newer_library_is_named_once_with_both_versions(monkeypatch) -> None:
    monkeypatch.setitem(versions.TRIED, "torch", "2.4")
    monkeypatch.setitem(versions.TRIED, "nltk", "3.9")
    message = (
        rf"torch {re.escape(metadata.version('torch'))} \(but 2.4\), nltk 3\.\d+\.\d+ \(but 3.9\)\."
    )
    with pytest.warns(UserWarning, match=message):
        versions.warn_of_newer()


@pytest.mark.parametrize("other", ["2.13.0+cpu", "2.9.1", "1.99", "2.13.0a0+git"])
def test_older_and_equal_ones_are_not_named(monkeypatch, other) -> None:
    monkeypatch.setattr(metadata, "version", lambda name: other)
    assert versions._describe_newer("torch", "2.13") == ""


def run(directory: Path, code: str, **environment: str) -> subprocess.CompletedProcess:
    path = os.pathsep.join(filter(None, sys.path))
    environment = {**os.environ, "PYTHONPATH": path, **environment}
    command = [sys.executable, "-c", code]
    return subprocess.run(command, env=environment, cwd=directory, capture_output=True, text=True)


def test_a_process_warns_once_and_its_workers_do_not(tmp_path) -> None:
    (tmp_path / "main.py").write_text(
        "import allennlp_compat.versions as versions; versions.TRIED['torch'] = '1.0'\n"
        "import allennlp.data, multiprocessing, allennlp_models.common.ontonotes\n"
        "if __name__ == '__main__':\n"
        "    worker = multiprocessing.get_context('spawn').Process(target=print, args=('done',))\n"
        "    worker.start(); worker.join()\n"
    )
    done = run(tmp_path, "import runpy; runpy.run_path('main.py', run_name='__main__')")
    assert done.stdout == "done\n", done.stderr
    assert done.stderr.count("was not tried with torch") == 1


def test_nothing_is_warned_of_as_it_is(tmp_path) -> None:
    code = "import allennlp_compat.versions as versions, warnings; warnings.simplefilter('error')\n"
    assert run(tmp_path, code + "versions.warn_of_newer()").stderr == ""
