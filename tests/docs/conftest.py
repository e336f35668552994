"""A directory and a shell for each page, with a cache of the model hub that has a tiny BERT."""

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Iterator

import pytest
from huggingface_hub import constants

from tests.docs.blocks import PAGES, Page, blocks_not_run
from tests.docs.forking import write_commands
from tests.docs.shell import Shell
from tests.support import BERT, ROOT

ON_THE_HUB = ("bert-base-uncased", "bert-base-cased")


@pytest.fixture(scope="session")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Gives a home of the model hub's library, in whose cache the tiny BERT has real names."""
    home = tmp_path_factory.mktemp("hub")
    for name in (*ON_THE_HUB, *(f"google-bert/{each}" for each in ON_THE_HUB)):
        cached = home / "hub" / f"models--{name.replace('/', '--')}"
        (cached / "refs").mkdir(parents=True)
        (cached / "refs" / "main").write_text("a" * 40)
        shutil.copytree(BERT, cached / "snapshots" / ("a" * 40))
    return home


@pytest.fixture(scope="session")
def commands(hub: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Gives a directory of executables, behind which one process has imported everything."""
    directory = tmp_path_factory.mktemp("commands")
    write_commands(directory)
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.docs.forking", str(directory / "socket")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
        env={**os.environ, "HF_HOME": str(hub)},
    )
    assert server.stdout.readline() == b"ready\n"
    yield directory
    server.communicate()


@pytest.fixture
def page(commands, hub, tmp_path, monkeypatch) -> Iterator[Page]:
    directory, scratch = tmp_path / "page", tmp_path / "scratch"
    directory.mkdir()
    scratch.mkdir()
    monkeypatch.setenv("HF_HOME", str(hub))
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(hub / "hub"))
    monkeypatch.setenv("ALLENNLP_CACHE_ROOT", str(tmp_path / "cache"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("PATH", f"{commands}:{Path(sys.executable).parent}:{os.environ['PATH']}")
    monkeypatch.chdir(directory)
    monkeypatch.syspath_prepend(directory)
    shell = Shell(directory, scratch, dict(os.environ))
    yield Page(shell, directory)
    shell.close()


@pytest.fixture
def ports() -> Iterator[None]:
    """Holds the ports that the pages name, for one page at a time on this machine."""
    with Path(tempfile.gettempdir(), "ports-of-the-pages.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def pytest_terminal_summary(terminalreporter) -> None:
    left_out = blocks_not_run()
    terminalreporter.section(f"{len(PAGES)} pages; blocks that are not run: {len(left_out)}")
    for each in left_out:
        terminalreporter.write_line(each)
