"""
A process that has imported everything forks one for each command that `client.py` asks for: a
command then starts at once, where `allennlp` alone imports for seconds.
"""

import importlib
import importlib.metadata
import json
import os
import select
import signal
import socket
import sys
from pathlib import Path
from typing import Any, Callable

CLIENT = Path(__file__).with_name("client.py")
COMMANDS = ("allennlp", "bert-classification")
IMPORTED = (
    "torch",
    "allennlp.__main__",
    "allennlp.commands",
    "allennlp_models",
    "bert_classification.serving.app",
    "transformers.models.bert.modeling_bert",
    "uvicorn",
)


def write_commands(directory: Path) -> None:
    """Writes an executable for each command, which asks the socket beside it."""
    for name in COMMANDS:
        path = directory / name
        path.write_text(f"#!{sys.executable} -SE\n{CLIENT.read_text(encoding='utf-8')}")
        path.chmod(0o755)


def _receive(connection: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """Gives what a client asks for, and its standard streams."""
    request, descriptors, _, _ = socket.recv_fds(connection, 1, 3)
    while not request.endswith(b"\n"):
        request += connection.recv(65536)
    return json.loads(request), descriptors


def _watch(connection: socket.socket, child: int) -> None:
    """Hands on the client's signals, tells it the exit status, and ends the child with it."""
    ended = os.pidfd_open(child)
    while ended not in select.select([ended, connection], [], [])[0]:
        signals = connection.recv(1)
        os.kill(child, signals[0] if signals else signal.SIGKILL)
        if not signals:
            return
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    connection.sendall(bytes([status if status >= 0 else 128 - status]))


def _become(request: dict[str, Any], descriptors: list[int]) -> Callable[[], Any]:
    """Makes this process the command of a client, and gives what it calls."""
    for number, descriptor in enumerate(descriptors):
        os.dup2(descriptor, number)
        os.close(descriptor)
    os.chdir(request["directory"])
    os.environ.clear()
    os.environ.update(request["environment"])
    sys.argv = request["arguments"]
    name = os.path.basename(sys.argv[0])
    (command,) = importlib.metadata.entry_points(group="console_scripts", name=name)
    return command.load()


def serve(path: str) -> None:
    """Listens until its standard input ends. In a forked process it raises the command's exit."""
    for module in IMPORTED:
        importlib.import_module(module)
    # Threads do not live on in a forked process.
    sys.modules["torch"].set_num_threads(1)
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(path)
    listening.listen()
    print("ready", flush=True)
    while sys.stdin not in select.select([listening, sys.stdin], [], [])[0]:
        connection, _ = listening.accept()
        if os.fork():
            connection.close()
            continue
        listening.close()
        request, descriptors = _receive(connection)
        child = os.fork()
        if child:
            for each in descriptors:
                os.close(each)
            _watch(connection, child)
            os._exit(0)
        connection.close()
        sys.exit(_become(request, descriptors)())


if __name__ == "__main__":
    serve(sys.argv[1])
