"""A headless Chromium, and `allennlp serve` for each task, as a user runs it."""

import os
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Iterator

import httpx
import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

from tests.browser.page import Page
from tests.support import ROOT, TASKS

TOKEN = "open sesame"
EXPLANATIONS = ["importance", "flips", "reduction", "attention"]
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


@pytest.fixture(scope="session", params=TASKS)
def task(request) -> str:
    return request.param


@pytest.fixture(scope="session")
def archive(request, task, archive_of) -> Path:
    given = request.config.getoption("--archives")
    return Path(given).resolve() / f"{task}.tar.gz" if given else archive_of(task)


@pytest.fixture(scope="session")
def url(task, archive, tmp_path_factory) -> Iterator[str]:
    """The address of the task's server; pytest runs the tests of a task one after the other."""
    with serve_archive(archive, tmp_path_factory.mktemp(f"serve-{task}")) as url:
        yield url


@pytest.fixture
def guarded_url(archive, tmp_path) -> Iterator[str]:
    with serve_archive(archive, tmp_path, BERT_CLASSIFICATION_TOKEN=TOKEN) as url:
        yield url


@pytest.fixture
def page(browser, url) -> Iterator[Page]:
    yield Page(browser, url)
    # The browser itself notes each answer that is an error.
    noted = [entry["message"] for entry in browser.get_log("browser")]
    assert not [message for message in noted if "status of 422" not in message]


@contextmanager
def serve_archive(archive: Path, directory: Path, **environment: str) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command: list[Any] = [sys.executable, "-m", "allennlp", "serve", "--archive-path", archive]
    command += ["--port", str(port), "--include-package", "bert_classification"]
    log = directory / "log"
    with log.open("w") as stderr:
        process = subprocess.Popen(
            command,
            cwd=directory,
            env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
            stderr=stderr,
        )
    while not is_ready(f"http://127.0.0.1:{port}/ready"):
        assert process.poll() is None, log.read_text()
        time.sleep(0.1)
    yield f"http://127.0.0.1:{port}/"
    process.terminate()
    assert process.wait(timeout=60) == 0


def is_ready(url: str) -> bool:
    try:
        return httpx.get(url).status_code == 200
    except httpx.ConnectError:
        return False
