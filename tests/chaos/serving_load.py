"""
Lays siege to an `allennlp serve` of its own over loopback, and says what a normal client sees:

    .venv/bin/python tests/chaos/serving_load.py [--archive model.tar.gz] [--files 256]

Each attack is bounded in its number of connections and its time. The exit status is 1 when the
normal client was not served, the memory grew by more than a tenth, or the log by 1 MB a minute.
"""

import argparse
import asyncio
import http.client
import json
import multiprocessing
import os
import re
import resource
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Iterator, NamedTuple, Optional

ROOT = Path(__file__).parents[2]
ARCHIVE = ROOT / "fixtures/archives/classification.tar.gz"
HEAD = b"POST /predict HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
HALF_A_BODY = HEAD + b"content-length: 100000\r\n\r\n{"


class Attack(NamedTuple):
    """
    So many connections which send `first`, and then `drip` each second, or wait if it is empty.
    After each answer they begin again.
    """

    name: str
    count: int
    first: bytes
    drip: bytes = b""


def post(body: bytes) -> bytes:
    return HEAD + b"content-length: %d\r\n\r\n" % len(body) + body


SHORT = {"text": "Lovely food, and so quick!"}
LONG = {"text": ("x" * 99 + " ") * 10**3}

ATTACKS = (
    Attack("nothing", 0, b""),
    Attack("idle", 250, b""),
    Attack("slow heads", 250, HEAD, b"x-more: 1\r\n"),
    Attack("slow bodies", 250, HALF_A_BODY, b" "),
    Attack("idle", 2000, b""),
    Attack("slow bodies", 2000, HALF_A_BODY, b" "),
    Attack("no HTTP", 100, b"HEAD / HTTP/1.1\r\nno-colon\r\n\r\n"),
    Attack("no JSON", 32, post(b"{")),
    Attack("1 MB of a word", 64, post(json.dumps({"text": "a" * 10**6}).encode())),
    Attack("1 MB of words", 64, post(json.dumps([{"text": "so good " * 60}] * 500).encode())),
    Attack("100 kB of words", 16, post(json.dumps(LONG).encode())),
)


class Figures(NamedTuple):
    """What the normal client and the machine saw during an attack."""

    times: list[float]
    failures: list[str]
    memory: int
    log: float

    def line(self, memory: int) -> str:
        cuts = statistics.quantiles([*self.times, *self.times], n=100)
        return (
            f"p50 {cuts[49] * 1000:5.0f} ms, p99 {cuts[98] * 1000:5.0f} ms, "
            f"{len(self.failures)} of {len(self.times)} failed, memory {self.memory >> 20} MiB "
            f"({100 * (self.memory / memory - 1):+.1f} %), log {self.log / 1024:.1f} KiB a minute "
            + ", ".join(sorted(set(self.failures)))
        )


class Besieged:
    """A server process, and the normal client."""

    def __init__(self, archive: Path, directory: Path, files: int) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        serve = [sys.executable, "-m", "allennlp", "serve", "--archive-path", str(archive)]
        serve += ["--port", str(self.port), "--include-package", "bert_classification"]
        limit = ["prlimit", f"--nofile={files}:{files}"] if files else []
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1"}
        self.log = directory / "log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [*limit, *serve], cwd=directory, env=environment, stderr=log
            )

    def wait_until_ready(self) -> None:
        end = time.monotonic() + 120
        while self.ask() is not None:
            assert self.process.poll() is None and time.monotonic() < end, self.log.read_text()
            time.sleep(0.1)

    def ask(self, record: dict = SHORT) -> Optional[str]:
        """Asks over a new connection, as a page that is opened does; tells what is wrong."""
        body = json.dumps(record)
        try:
            with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)) as client:
                client.request("POST", "/predict", body, {"content-type": "application/json"})
                answer = client.getresponse()
                answer.read()
                return None if answer.status == 200 else str(answer.status)
        except (OSError, http.client.HTTPException) as error:
            return repr(error)

    def memory(self) -> int:
        """The resident bytes of the server."""
        found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{self.process.pid}/status").read_text())
        assert found is not None
        return int(found[1]) << 10

    def measure(self, attack: Attack, seconds: float) -> Figures:
        size, begin = self.log.stat().st_size, time.monotonic()
        times, failures = [], []
        with attacking(attack, self.port):
            while time.monotonic() < begin + seconds:
                asked = time.monotonic()
                failure = self.ask()
                times.append(time.monotonic() - asked)
                failures += [failure] if failure else []
                time.sleep(0.02)
            memory = self.memory()
        minutes = (time.monotonic() - begin) / 60
        return Figures(times, failures, memory, (self.log.stat().st_size - size) / minutes)

    def stop(self) -> float:
        """Tells how many seconds the server takes to stop while 50 bodies are half there."""
        with attacking(Attack("half", 50, HALF_A_BODY), self.port):
            begin = time.monotonic()
            self.process.send_signal(signal.SIGTERM)
            code = self.process.wait(120)
        assert code == 0, f"exit status {code}"
        return time.monotonic() - begin


@contextmanager
def attacking(attack: Attack, port: int) -> Iterator[None]:
    """Attacks from a process of its own, so that the normal client is not held up by it."""
    process = multiprocessing.get_context("spawn").Process(target=run, args=(attack, port))
    process.start()
    # Its first connections are there.
    time.sleep(2)
    try:
        yield
    finally:
        process.kill()
        process.join()


def run(attack: Attack, port: int) -> None:
    # 2,000 connections are 2,000 files.
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))

    async def main() -> None:
        # Nothing of it is left behind, should nobody end it.
        async with asyncio.timeout(120):
            await asyncio.gather(*(hold(attack, port) for _ in range(attack.count)))

    asyncio.run(main())


async def hold(attack: Attack, port: int) -> None:
    """Holds a connection, and comes again when the server hangs up or has answered."""
    while True:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            with closing(writer):
                writer.write(attack.first)
                while not await answered(reader):
                    writer.write(attack.drip)
        except OSError:
            pass
        await asyncio.sleep(0.5)


async def answered(reader: asyncio.StreamReader) -> bool:
    """Whether the server answers, or hangs up, within a second."""
    try:
        async with asyncio.timeout(1):
            await reader.read(1 << 16)
        return True
    except TimeoutError:
        return False


def main(args: argparse.Namespace) -> bool:
    held = True
    with tempfile.TemporaryDirectory() as directory:
        server = Besieged(args.archive, Path(directory), args.files)
        try:
            server.wait_until_ready()
            server.measure(ATTACKS[0], 2)
            # Whoever serves has seen a long text.
            server.ask(LONG)
            memory = server.memory()
            for attack in ATTACKS:
                figures = server.measure(attack, args.seconds)
                print(f"{attack.count:5} {attack.name:15} {figures.line(memory)}", flush=True)
                held &= not figures.failures and figures.log < 1 << 20
                held &= figures.memory < 1.1 * memory
            seconds = server.stop()
            print(f"SIGTERM while 50 bodies are half there: {seconds:.1f} s")
            return held and seconds < 10
        finally:
            if args.log:
                args.log.write_text(server.log.read_text())
            if server.process.poll() is None:
                server.process.kill()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Lays siege to an `allennlp serve` of its own.")
    parser.add_argument("--archive", type=Path, default=ARCHIVE)
    parser.add_argument("--seconds", type=float, default=8, help="of each attack (default: 8)")
    parser.add_argument("--files", type=int, default=0, help="that the server may open")
    parser.add_argument("--log", type=Path, help="where the server's log is kept")
    sys.exit(not main(parser.parse_args()))
