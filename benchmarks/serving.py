"""
`allennlp serve` beside the way of the old allennlp-server: Flask on gevent's `WSGIServer`, one
request, one forward pass, one thread, with the same archive, one record a request.

    pip install -e '.[benchmark]'
    python benchmarks/serving.py --archive demo/model.tar.gz --data dev.tsv

takes turns between the two at 1 and at 32 clients, and prints requests per second, the median
and the 99th percentile of the time to an answer, and their ratios.

    python benchmarks/serving.py --archive demo/model.tar.gz --flood 30

lets 64 clients ask without pause for 30 seconds, with a queue of 16, and prints what they got, the
memory of the server, and the time of one request before and after.
"""

import argparse
import http.client
import json
import socket
import statistics
import subprocess
import sys
import time
from collections import Counter
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from threading import Thread
from typing import Iterator

FIXTURES = Path(__file__).parent.parent / "fixtures/classification"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.strip().split("\n\n")[0])
    parser.add_argument("--archive", default="demo/model.tar.gz")
    parser.add_argument("--data", type=Path, default=FIXTURES / "train.jsonl", help="JSONL or TSV")
    parser.add_argument("--requests", type=int, default=1000, help="in each turn at many clients")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 32])
    parser.add_argument("--flood", type=float, metavar="SECONDS")
    parser.add_argument("--old-server", type=int, metavar="PORT", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.old_server:
        serve_the_old_way(options.archive, options.old_server)
    elif options.flood:
        flood(options, bodies(options.data))
    else:
        compare(options, bodies(options.data))


def bodies(path: Path) -> list[bytes]:
    lines = path.read_text(encoding="utf-8").splitlines()
    texts = [
        json.loads(line)["text"] if path.suffix == ".jsonl" else line.split("\t")[0]
        for line in lines
    ]
    return [json.dumps({"text": text}).encode() for text in texts if text.strip()]


def serve_the_old_way(archive: str, port: int) -> None:
    from allennlp.predictors import Predictor
    from flask import Flask, jsonify, request
    from gevent.pywsgi import WSGIServer

    predictor = Predictor.from_path(archive)
    app = Flask(__name__)

    @app.route("/health")
    def health():
        return jsonify({})

    @app.route("/predict", methods=["POST"])
    def predict():
        return jsonify(predictor.predict_json(request.get_json()))

    WSGIServer(("127.0.0.1", port), app, log=None).serve_forever()


@contextmanager
def running(*command: str) -> Iterator[tuple[int, int]]:
    """The port and the process id of a server that has begun to answer."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    arguments = [sys.executable, *(part.format(port=port) for part in command)]
    process = subprocess.Popen(arguments, stderr=subprocess.DEVNULL)
    try:
        while not answers(port):
            if process.poll() is not None:
                sys.exit(f"{' '.join(arguments)} ended with {process.returncode}")
            time.sleep(0.1)
        yield port, process.pid
    finally:
        process.terminate()
        process.wait()


def answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == 200
    except ConnectionRefusedError:
        return False
    finally:
        connection.close()


def ours(archive: str, *options: str) -> list[str]:
    command = ["-m", "allennlp", "serve", "--archive-path", archive, "--port", "{port}"]
    return [*command, "--include-package", "bert_classification", *options]


class Client(Thread):
    """Asks over one connection, one request after another, and notes status and seconds of each."""

    def __init__(self, port: int, bodies: list[bytes], numbers: Iterator[int]) -> None:
        super().__init__()
        self.answers: list[tuple[int, float]] = []
        self._bodies, self._numbers = bodies, numbers
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self._connection.connect()

    def run(self) -> None:
        for number in self._numbers:
            start = time.perf_counter()
            self._connection.request(
                "POST",
                "/predict",
                self._bodies[number % len(self._bodies)],
                {"content-type": "application/json"},
            )
            answer = self._connection.getresponse()
            json.loads(answer.read())
            self.answers.append((answer.status, time.perf_counter() - start))


def ask(
    port: int, bodies: list[bytes], clients: int, numbers: Iterator[int]
) -> tuple[list[tuple[int, float]], float]:
    """All answers of so many clients that share out the numbers, and the seconds it took."""
    threads = [Client(port, bodies, numbers) for _ in range(clients)]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [answer for thread in threads for answer in thread.answers], time.perf_counter() - start


def compare(options: argparse.Namespace, bodies: list[bytes]) -> None:
    old_way = [__file__, "--archive", options.archive, "--old-server", "{port}"]
    with running(*ours(options.archive)) as new, running(*old_way) as old:
        ports = {"new": new[0], "old": old[0]}
        for port in ports.values():
            ask(port, bodies, 4, iter(range(50)))
        for clients in options.clients:
            figures: dict[str, list] = {"new": [], "old": []}
            for turn in range(options.turns):
                for name in ("new", "old") if turn % 2 else ("old", "new"):
                    requests = options.requests if clients > 1 else options.requests // 5
                    figures[name].append(measure(ports[name], bodies, clients, requests))
                    print(f"{clients:>3} clients, {name}: {text_of(figures[name][-1])}", flush=True)
            medians = {
                name: [statistics.median(column) for column in zip(*rows)]
                for name, rows in figures.items()
            }
            ratios = [ours / theirs for ours, theirs in zip(medians["new"], medians["old"])]
            print(f"{clients:>3} clients, medians: new {text_of(medians['new'])}")
            print(f"                      old {text_of(medians['old'])}")
            print("    new/old: requests/s {:.2f}, p50 {:.2f}, p99 {:.2f}".format(*ratios))


def measure(port: int, bodies: list[bytes], clients: int, requests: int) -> tuple:
    """Requests per second, p50 and p99 in seconds."""
    answers, seconds = ask(port, bodies, clients, iter(range(requests)))
    wrong = [status for status, _ in answers if status != 200]
    assert not wrong and len(answers) == requests, f"statuses {Counter(wrong)}"
    percentiles = statistics.quantiles((taken for _, taken in answers), n=100)
    return requests / seconds, percentiles[49], percentiles[98]


def text_of(figures) -> str:
    return "{:6.1f} requests/s, p50 {:6.1f} ms, p99 {:6.1f} ms".format(
        figures[0], figures[1] * 1000, figures[2] * 1000
    )


def flood(options: argparse.Namespace, bodies: list[bytes]) -> None:
    with running(*ours(options.archive, "--max-queue", "16")) as (port, process):
        alone = [measure(port, bodies, 1, 100)]
        memory = [resident(process)]
        end = time.monotonic() + options.flood
        answers, seconds = ask(port, bodies, 64, until(end))
        memory.append(resident(process))
        alone.append(measure(port, bodies, 1, 100))
    statuses = Counter(status for status, _ in answers)
    print(f"{len(answers)} answers in {seconds:.1f} s: {dict(statuses)}")
    print("memory before and after: {:.0f} MiB, {:.0f} MiB".format(*memory))
    for name, figures in zip(("before", "after"), alone):
        print(f"one client {name}: {text_of(figures)}")


class until:
    """Numbers until a time has come; unlike a generator, many threads may ask for them at once."""

    def __init__(self, end: float) -> None:
        self._end, self._numbers = end, count()

    def __iter__(self) -> Iterator[int]:
        return self

    def __next__(self) -> int:
        if time.monotonic() > self._end:
            raise StopIteration
        return next(self._numbers)


def resident(process: int) -> float:
    """The resident memory of a process in MiB."""
    status = Path(f"/proc/{process}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


if __name__ == "__main__":
    main()
