"""
Opens hostile archives by every door and tells, as lines of JSON, what came of it: `python -m
tests.archives.every_door DIRECTORY [SHARE]`, where a share of 4 takes every fourth archive.
"""

import json
import os
import shutil
import sys
import sysconfig
import time
from itertools import cycle
from pathlib import Path
from typing import Any, Callable

from allennlp.common.checks import ConfigurationError
from allennlp.models import Model
from allennlp.models.archival import load_archive
from allennlp.predictors import Predictor

from bert_classification.archives.extraction import extract
from bert_classification.bert.checkpoint import resolve_checkpoint
from bert_classification.bert.word_pieces import WordPieceTokenizer
from bert_classification.commands.export_hf import export
from bert_classification.commands.to_safetensors import to_safetensors
from tests.archives.hostile import make, put_outside
from tests.archives.stranger import ALL

ROOT = Path(__file__).parents[2]
GOOD = ROOT / "fixtures" / "archives" / "classification.tar.gz"
BUILT = ("load_archive", "from_path", "from_archive", "predict")
"""Doors that build what the config says; the others read BERT alone."""

SYSTEM = ("/proc/", "/sys/", "/dev/")

Events = list[str]


def watch(directory: Path) -> Events:
    """Collects what is opened outside of a directory and this installation, and connections."""
    events: Events = []
    installed = os.path.realpath(sysconfig.get_paths()["purelib"])
    home = (installed, sys.prefix, sys.base_prefix, str(ROOT), str(directory), *SYSTEM)

    home_of_writes = (str(directory), f"/proc/{os.getpid()}/clear_refs")

    def notice(event: str, arguments: tuple) -> None:
        if event in ("socket.connect", "socket.getaddrinfo", "subprocess.Popen", "os.system"):
            events.append(f"{event} {arguments}")
        if event == "open" and isinstance(arguments[0], (str, bytes)):
            path = os.path.realpath(os.fsdecode(arguments[0]))
            writes = isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)
            outside = str(directory / "outside")
            if path.startswith(outside) or not path.startswith(home):
                events.append(f"open {path}")
            elif writes and not path.startswith(home_of_writes) and "__pycache__" not in path:
                events.append(f"write {path}")

    sys.addaudithook(notice)
    return events


def doors(directory: Path) -> dict[str, Callable[[Path], Any]]:
    exported, rewritten = directory / "exported", directory / "rewritten.tar.gz"

    def predict(archive: Path) -> None:
        Predictor.from_path(archive).predict_json({"text": "a" * 5_000 + " and more " * 500})

    def use_as_checkpoint(archive: Path) -> None:
        checkpoint = resolve_checkpoint(str(archive))
        checkpoint.find_tokenizer()
        checkpoint.read_weights()

    def export_anew(archive: Path) -> None:
        shutil.rmtree(exported, ignore_errors=True)
        export(str(archive), str(exported))

    return {
        "load_archive": load_archive,
        "from_path": Predictor.from_path,
        "predict": predict,
        "from_archive": lambda archive: Model.from_archive(str(archive)),
        "checkpoint": use_as_checkpoint,
        "tokenizer": lambda archive: WordPieceTokenizer(str(archive)),
        "export-hf": export_anew,
        "to-safetensors": lambda archive: to_safetensors(str(archive), str(rewritten)),
    }


def knock(door: Callable[[Path], Any], archive: Path) -> dict[str, Any]:
    before, start = _reset_peak(), time.monotonic()
    try:
        door(archive)
        outcome, sentence = "opened", ""
    except ConfigurationError as error:
        outcome, sentence = "refused", str(error)
    except Exception as error:
        outcome, sentence = type(error).__name__, str(error)
    cost = {"megabytes": _memory() - before, "seconds": time.monotonic() - start}
    return {"outcome": outcome, "sentence": sentence, **cost}


def _reset_peak() -> float:
    """Lets the system begin anew to look for the most memory that this process has had."""
    Path("/proc/self/clear_refs").write_text("5")
    return _memory()


def _memory() -> float:
    """Tells the most memory that this process has had, in MB."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def main(directory: Path, share: int) -> None:
    put_outside(directory / "outside", ROOT / "fixtures" / "bert")
    all_doors = doors(directory)
    for door in all_doors.values():
        knock(door, GOOD)  # Imports what is imported late.
    events = watch(directory)
    others = cycle(all_doors)
    for index, (name, hostile) in enumerate(list(ALL.items())[::share]):
        contents = directory / f"contents{index}"
        contents.mkdir()
        extract(GOOD, contents)
        archive = make(hostile, contents, directory / "outside", directory / f"{index}.tar.gz")
        events.clear()
        for door in {"load_archive", next(others)} if share > 1 else set(all_doors):
            answer = knock(all_doors[door], archive)
            answer |= {"archive": name, "door": door, "must_open": hostile.opens}
            answer |= {"built": door in BUILT, "events": list(events), "file": str(archive)}
            print(json.dumps(answer), flush=True)
            events.clear()
        shutil.rmtree(contents)
        archive.unlink()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int((sys.argv[2:] or ["1"])[0]))
