"""Command lines, one after the other, each with its seconds."""

import subprocess
import sys
import time
from pathlib import Path


class Steps:
    """Runs command lines in a directory, as somebody types them."""

    def __init__(self, directory: Path, environment: dict[str, str]) -> None:
        directory.mkdir(exist_ok=True)
        self.directory = directory
        self.environment = environment
        self.seconds: list[tuple[str, float]] = []

    def run(self, line: str) -> None:
        """Runs a line; the whole ends with one that fails."""
        print(f"\n$ {line}", flush=True)
        start = time.perf_counter()
        done = self._call(line)
        self.seconds.append((line, time.perf_counter() - start))
        if done.returncode:
            sys.exit(f"In {self.directory}, this ended with status {done.returncode}: {line}")

    def output(self, line: str) -> str:
        return self._call(line, check=True, stdout=subprocess.PIPE, text=True).stdout

    def succeeds(self, line: str) -> bool:
        return self._call(line, capture_output=True).returncode == 0

    def activate(self) -> None:
        """Goes on in the environment `.venv` of the directory."""
        environment = self.directory / ".venv"
        self.environment["VIRTUAL_ENV"] = str(environment)
        self.environment["PATH"] = f"{environment / 'bin'}:{self.environment['PATH']}"

    def report(self) -> None:
        print("\nSeconds:")
        for line, seconds in self.seconds:
            print(f"{seconds:8.1f}  {line}")
        print(f"{sum(seconds for _, seconds in self.seconds):8.1f}  in all")

    def _call(self, line: str, **options) -> subprocess.CompletedProcess:
        command = ["bash", "-c", line]
        return subprocess.run(command, cwd=self.directory, env=self.environment, **options)
