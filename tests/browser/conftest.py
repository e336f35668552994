"""A headless Chromium, and a server for each task: the command `allennlp serve`, as a user runs it."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Callable, Iterator

import httpx
import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

from tests.conftest import ROOT

CHROMIUM, DRIVER = "/usr/bin/chromium", "/usr/bin/chromedriver"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--archives", help="a directory with <task>.tar.gz in the place of tiny ones")
    parser.addoption("--pictures", default="build/pages", help="where the pictures are written")


@pytest.fixture(scope="session")
def pictures(request) -> Path:
    directory = ROOT / request.config.getoption("--pictures")
    directory.mkdir(parents=True, exist_ok=True)
    return directory


@pytest.fixture(scope="session")
def browser() -> Iterator[webdriver.Chrome]:
    options = webdriver.ChromeOptions()
    # Named, or Selenium would look for one to download.
    options.binary_location = CHROMIUM
    for argument in ("headless=new", "no-sandbox", "disable-dev-shm-usage", "hide-scrollbars"):
        options.add_argument(f"--{argument}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    browser = webdriver.Chrome(options, Service(DRIVER))
    yield browser
    browser.quit()


@pytest.fixture(scope="session")
def url_of(request, archive_of, tmp_path_factory) -> Iterator[Callable[[str], str]]:
    """The address of a task's server; each is started once."""
    given = request.config.getoption("--archives")
    servers: dict[str, tuple[str, subprocess.Popen]] = {}

    def url(task: str) -> str:
        if task not in servers:
            archive = Path(given).resolve() / f"{task}.tar.gz" if given else archive_of(task)
            servers[task] = start_server(archive, tmp_path_factory.mktemp(f"serve-{task}"))
        return servers[task][0]

    yield url
    for _, process in servers.values():
        process.terminate()
    for _, process in servers.values():
        assert process.wait(timeout=20) == 0


def start_server(archive: Path, directory: Path) -> tuple[str, subprocess.Popen]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command: list[Any] = [sys.executable, "-m", "allennlp", "serve", "--archive-path", archive]
    command += ["--port", str(port), "--include-package", "bert_classification"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    log = (directory / "log").open("w")
    process = subprocess.Popen(command, cwd=directory, env=environment, stderr=log)
    url = f"http://127.0.0.1:{port}/"
    while not is_ready(url):
        assert process.poll() is None, (directory / "log").read_text()
        time.sleep(0.1)
    return url, process


def is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}ready").status_code == 200
    except httpx.ConnectError:
        return False
