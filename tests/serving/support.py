"""What the tests of serving share."""

import os
import re
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Callable, Iterator

import httpx

from tests.support import FIXTURES, read_json_lines

TOKEN = "a long secret"


class Server:
    """A server process, and a client for it."""

    def __init__(self, archive: Path, directory: Path, *options: str, **environment: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        command = [sys.executable, "-m", "allennlp", "serve", "--archive-path", str(archive)]
        command += ["--port", str(self.port), "--include-package", "bert_classification", *options]
        # Away from the repository: the subcommand must be there without .allennlp_plugins.
        environment = {**os.environ, "PYTHONPATH": os.getcwd(), **environment}
        self.log = directory / "log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(command, cwd=directory, env=environment, stderr=log)
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=60)

    def wait_until(self, is_so: Callable[[], bool]) -> None:
        end = time.monotonic() + 90
        while time.monotonic() < end:
            assert self.process.poll() is None, self.log.read_text()
            try:
                if is_so():
                    return
            except httpx.ConnectError:
                pass
            time.sleep(0.02)
        raise AssertionError("it does not come to pass")

    def is_ready(self) -> bool:
        return self.client.get("/ready").json() == {"status": "ready"}

    def figure(self, name: str) -> float:
        """Reads a figure of `/metrics`, 0 while it is not there."""
        headers = {"authorization": f"Bearer {TOKEN}"}
        text = self.client.get("/metrics", headers=headers).text
        found = re.search(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)
        return float(found[1]) if found else 0.0

    def stop(self) -> int:
        self.client.close()
        if self.process.poll() is None:
            self.process.terminate()
        return self.process.wait(timeout=60)


@contextmanager
def run_server(
    archive: Path, directory: Path, *options: str, **environment: str
) -> Iterator[Server]:
    """Runs a server from its first answer to its orderly end."""
    server = Server(archive, directory, *options, **environment)
    try:
        server.wait_until(server.is_ready)
        yield server
    finally:
        code = server.stop()
    assert code == 0


def sentences(count: int) -> list[str]:
    return [each["text"] for each in read_json_lines(FIXTURES / "classification/dev.jsonl")][:count]
