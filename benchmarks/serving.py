"""
`allennlp serve` beside the way of the old allennlp-server: Flask on gevent's `WSGIServer`, one
record a request, one request a forward pass, one thread; with the same archive, and with
AllenNLP's own classifier, as it was when that server was. `make benchmark` has the comparison.

    python -m benchmarks.serving --flood 30 --archive demo/model.tar.gz --data comments.tsv

lets 64 clients ask without pause for 30 seconds, with a queue of 16, and prints what they got, the
memory of the server, and the time of one request before and after.
"""

import argparse
import atexit
import gc
import http.client
import json
import socket
import statistics
import subprocess
import sys
import time
from collections import Counter
from contextlib import ExitStack, contextmanager
from functools import partial
from itertools import count
from pathlib import Path
from threading import Thread
from typing import Any, Iterator, Optional

from transformers import BertForSequenceClassification

from benchmarks.checkpoints import Setting, checkpoint
from benchmarks.comparison import Contest, Row, per_second
from benchmarks.predict import INT8_TOLERANCE, TOLERANCE, classification_archive
from benchmarks.texts import comments

REQUESTS, CLIENTS = 1000, 32
REQUESTS_ALONE = 150
CHECKED = 20
COMMENTS = 2000

OURS = "ours"
OLD = "the old server, with the same archive"
STOCK = "the old server, with AllenNLP's basic_classifier"
LITSERVE = "litserve with the Hugging Face model, batches of up to 32"
INT8 = "ours, int8"


def contests(setting: Setting) -> list[Contest]:
    bert = checkpoint(BertForSequenceClassification, setting)
    archived = classification_archive(bert, setting)
    texts = bodies(comments(COMMENTS, setting.data))
    int8 = ("--predictor-args", '{{"precision": "int8"}}')
    commands = {
        OURS: ours(archived),
        INT8: ours(archived, *int8),
        OLD: old_server(archived),
        STOCK: old_server(bert),
        LITSERVE: ["-m", "benchmarks.litserver", bert, "{port}"],
    }
    # The clients are threads of this process, which must not pause to look for garbage.
    gc.freeze()
    servers = ExitStack()
    atexit.register(servers.close)
    ports = {name: servers.enter_context(run_server(*each))[0] for name, each in commands.items()}

    def crowd(port: int) -> float:
        """Takes the seconds of all requests."""
        return measure(port, texts, CLIENTS, setting.amount(REQUESTS))[0]

    def slowest(port: int) -> float:
        return measure(port, texts, CLIENTS, setting.amount(REQUESTS))[2]

    def alone(port: int) -> float:
        return measure(port, texts, 1, setting.amount(REQUESTS_ALONE))[1]

    def contest(
        work: str, cost: Any, least: float, figure: Any, litserve: float, int8: Optional[float]
    ) -> Contest:
        sides = {name: partial(partial, cost, port) for name, port in ports.items()}
        rows = [Row(OURS, OLD, least), Row(OURS, STOCK, least)]
        rows += [Row(OURS, LITSERVE, litserve), Row(INT8, OURS, int8)]
        return Contest(work, sides, rows, partial(check, ports, texts), figure, lambda work: work())

    return [
        contest(
            f"answer {CLIENTS} clients",
            crowd,
            3.0,
            per_second(setting.amount(REQUESTS), "requests"),
            1.8,
            1.6,
        ),
        contest(f"answer {CLIENTS} clients, 99th percentile", slowest, 2.0, milliseconds, 1, None),
        contest("answer one client, median", alone, 2.5, milliseconds, 1, None),
    ]


def milliseconds(seconds: float) -> str:
    return f"{1000 * seconds:.0f} ms"


def check(ports: dict[str, int], texts: list[bytes]) -> None:
    """Raises when not all give the same probabilities; and warms them up."""
    answers = {}
    for name, port in ports.items():
        connection = connect(port)
        answers[name] = [post(connection, text)[1] for text in texts[:CHECKED]]
        connection.close()
    for name, given in answers.items():
        for own, first in zip(given, answers[OURS]):
            tolerance = INT8_TOLERANCE if name == INT8 else TOLERANCE
            if abs(max(own["probs"]) - max(first["probs"])) > tolerance:
                raise ValueError(f"{name} answers {own}, ours {first}.")
    for port in ports.values():
        ask(port, texts, CLIENTS, iter(range(5 * CLIENTS)))


def connect(port: int) -> http.client.HTTPConnection:
    return http.client.HTTPConnection("127.0.0.1", port, timeout=60)


def post(connection: http.client.HTTPConnection, body: bytes) -> tuple[int, Any]:
    """Gives the status of an answer, and what it says."""
    connection.request("POST", "/predict", body, {"content-type": "application/json"})
    answer = connection.getresponse()
    return answer.status, json.loads(answer.read())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.strip().split("\n\n")[0])
    parser.add_argument("--archive", default="demo/model.tar.gz")
    parser.add_argument("--data", help="comments: the first column of a file with tabs")
    parser.add_argument("--flood", type=float, default=30, metavar="SECONDS")
    parser.add_argument("--old-server", type=int, metavar="PORT", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.old_server:
        serve_the_old_way(options.archive, options.old_server)
    else:
        flood(options.archive, options.flood, bodies(comments(COMMENTS, options.data)))


def bodies(texts: list[str]) -> list[bytes]:
    return [json.dumps({"text": text}).encode() for text in texts]


def serve_the_old_way(model: str, port: int) -> None:
    """Serves an archive, or AllenNLP's own classifier around a checkpoint."""
    from allennlp.predictors import Predictor
    from flask import Flask, jsonify, request
    from gevent.pywsgi import WSGIServer

    from benchmarks import stock_allennlp

    stock = Path(model).is_dir()
    predictor = stock_allennlp.predictor(model) if stock else Predictor.from_path(model)
    key = "sentence" if stock else "text"
    app = Flask(__name__)

    @app.route("/health")
    def health():
        return jsonify({})

    @app.route("/predict", methods=["POST"])
    def predict():
        return jsonify(predictor.predict_json({key: request.get_json()["text"]}))

    WSGIServer(("127.0.0.1", port), app, log=None).serve_forever()


@contextmanager
def run_server(*command: str) -> Iterator[tuple[int, int]]:
    """Starts a server; its port and process id, once it has begun to answer."""
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


def old_server(model: str) -> list[str]:
    return ["-m", "benchmarks.serving", "--archive", model, "--old-server", "{port}"]


def ours(archive: str, *options: str) -> list[str]:
    command = ["-m", "allennlp", "serve", "--archive-path", archive, "--port", "{port}"]
    return [*command, "--include-package", "bert_classification", *options]


class Client(Thread):
    """Asks over one connection, one request after another, and notes status and seconds of each."""

    def __init__(self, port: int, bodies: list[bytes], numbers: Iterator[int]) -> None:
        super().__init__()
        self.answers: list[tuple[int, float]] = []
        self._bodies, self._numbers = bodies, numbers
        self._connection = connect(port)
        self._connection.connect()

    def run(self) -> None:
        for number in self._numbers:
            start = time.perf_counter()
            status, _ = post(self._connection, self._bodies[number % len(self._bodies)])
            self.answers.append((status, time.perf_counter() - start))


def ask(
    port: int, bodies: list[bytes], clients: int, numbers: Iterator[int]
) -> tuple[list[tuple[int, float]], float]:
    """Gives all answers of so many clients, which share the numbers, and the seconds it took."""
    threads = [Client(port, bodies, numbers) for _ in range(clients)]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [answer for thread in threads for answer in thread.answers], time.perf_counter() - start


def measure(port: int, bodies: list[bytes], clients: int, requests: int) -> tuple:
    """Takes seconds in all, median and 99th percentile of the seconds to an answer."""
    answers, seconds = ask(port, bodies, clients, iter(range(requests)))
    wrong = [status for status, _ in answers if status != 200]
    assert not wrong and len(answers) == requests, f"statuses {Counter(wrong)}"
    percentiles = statistics.quantiles((taken for _, taken in answers), n=100)
    return seconds, percentiles[49], percentiles[98]


def flood(archive: str, duration: float, bodies: list[bytes]) -> None:
    with run_server(*ours(archive, "--max-queue", "16")) as (port, process):
        # Until all that is made at first use is there.
        ask(port, bodies, 16, iter(range(500)))
        alone = [measure(port, bodies, 1, 100)[1]]
        memory = [resident(process)]
        end = time.monotonic() + duration
        answers, seconds = ask(port, bodies, 64, until(end))
        memory.append(resident(process))
        alone.append(measure(port, bodies, 1, 100)[1])
    statuses = Counter(status for status, _ in answers)
    print(f"{len(answers)} answers in {seconds:.1f} s: {dict(statuses)}")
    print("memory before and after: {:.0f} MiB, {:.0f} MiB".format(*memory))
    print("one request before and after: {}, {}".format(*map(milliseconds, alone)))


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
    """Reads the resident memory of a process in MiB."""
    status = Path(f"/proc/{process}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


if __name__ == "__main__":
    main()
