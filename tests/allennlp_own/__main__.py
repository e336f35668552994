"""
Runs AllenNLP's own tests, and those of allennlp-models, on what is installed, folder by folder,
and says which fail that are not in the list of those known to.

    python -m tests.allennlp_own ALLENNLP_SOURCE [ALLENNLP_MODELS_SOURCE] [--only data] [--write]

A source is the repository at the version that is installed, unpacked. Tests that need the network
fail, and are in the list. `--write` adds to it what fails; `SECONDS` limits each folder.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.allennlp_own.known_failures import KnownFailures

ROOT = Path(__file__).parent.parent.parent
# The repository has a package `tests` of its own, which comes first there.
PATHS = os.pathsep.join([str(Path(__file__).parent), str(ROOT)])
SECONDS = int(os.environ.get("SECONDS", "3600"))
OPTIONS = [
    *("-q", "--tb=line", "--continue-on-collection-errors", "-p", "no:cacheprovider"),
    *("-p", "allennlp_alone", "-p", "no:xdist", "-o", "addopts="),
]


def main() -> None:
    arguments = parse_arguments()
    new: list[str] = []
    for source in arguments.sources:
        known = KnownFailures(source)
        failures, passed = run_folders(source, arguments.only)
        new += known.report(failures, passed)
        if arguments.write:
            known.add(failures, passed)
    sys.exit(1 if new else 0)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.strip().splitlines()[0])
    parser.add_argument("sources", nargs="+", type=Path, help="unpacked repositories")
    parser.add_argument("--only", nargs="*", help="folders of their tests")
    parser.add_argument("--write", action="store_true", help="add what fails to the list")
    return parser.parse_args()


def run_folders(source: Path, only: list[str] | None) -> tuple[dict[str, str], set[str]]:
    failures: dict[str, str] = {}
    passed: set[str] = set()
    for path in sorted((source / "tests").iterdir()):
        wanted = path.stem in only if only else path.is_dir() or path.name.endswith("_test.py")
        if wanted and not path.name.startswith("_"):
            some_failures, some_passed = run_folder(source, path)
            failures |= some_failures
            passed |= some_passed
            print(
                f"{source.name} {path.name}: {len(some_passed)} passed, {len(some_failures)} failed"
            )
    return failures, passed


def run_folder(source: Path, path: Path) -> tuple[dict[str, str], set[str]]:
    with tempfile.TemporaryDirectory() as directory:
        outcomes = Path(directory) / "outcomes.jsonl"
        outcomes.touch()
        command = [sys.executable, "-m", "pytest", str(path), *OPTIONS]
        environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HOME": directory, "PYTHONPATH": PATHS}
        environment["ALLENNLP_OUTCOMES"] = str(outcomes)
        # Some call `python` by its name.
        environment["PATH"] = os.pathsep.join(
            [str(Path(sys.executable).parent), os.environ["PATH"]]
        )
        try:
            subprocess.run(
                command, cwd=source, env=environment, stdout=subprocess.DEVNULL, timeout=SECONDS
            )
        except subprocess.TimeoutExpired:
            print(f"{path.name} was stopped after {SECONDS} s; what it had done counts")
        return read_outcomes(outcomes)


def read_outcomes(path: Path) -> tuple[dict[str, str], set[str]]:
    """Gives the failures with the first line of each message, and the tests that passed."""
    failures: dict[str, str] = {}
    passed: set[str] = set()
    for line in path.read_text(encoding="utf-8").splitlines():
        outcome = json.loads(line)
        if outcome["passed"]:
            passed.add(outcome["test"])
        else:
            message = " ".join(outcome["message"].split())
            failures[outcome["test"]] = re.sub(r"(/[^\s'\",:/]+){2,}", "...", message)[
                :110
            ].rstrip()
    return failures, passed - set(failures)


if __name__ == "__main__":
    main()
