"""Hostile archives, by every door, in a process whose files and connections are watched."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.archives.stranger import ALL
from tests.support import ROOT

SHARE = 9
MEGABYTES = 1_000
SECONDS = 20


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    directory = tmp_path_factory.mktemp("hostile")
    (directory / "temporary").mkdir()
    environment = {key: os.environ[key] for key in os.environ if key != "HF_HUB_OFFLINE"}
    environment |= {"HOME": str(directory), "TMPDIR": str(directory / "temporary")}
    command = [sys.executable, "-m", "tests.archives.every_door", str(directory), str(SHARE)]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stderr[-2000:]
    left = [path for path in (directory / "temporary").iterdir() if "hypothesis" not in path.name]
    assert left == []
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_there_are_many() -> None:
    assert len(ALL) >= 400


def test_each_is_refused_or_harmless(answers) -> None:
    assert len(answers) >= len(ALL) // SHARE
    for answer in answers:
        assert answer["outcome"] in ("opened", "refused"), answer
        if answer["built"] and answer["must_open"] is not None:
            assert answer["outcome"] == ("opened" if answer["must_open"] else "refused"), answer


def test_a_refusal_is_a_sentence_that_names_the_archive(answers) -> None:
    for answer in answers:
        # A predictor is made of what was opened, and does not know its name.
        if answer["outcome"] == "refused" and "needs the reader of its task" not in str(answer):
            sentence = answer["sentence"]
            assert Path(answer["file"]).name in sentence, answer
            assert "\n" not in sentence and len(sentence) < 1500, answer


def test_nothing_outside_is_touched(answers) -> None:
    assert [answer for answer in answers if answer["events"]] == []


def test_the_cost_is_bounded(answers) -> None:
    for answer in answers:
        assert answer["megabytes"] < MEGABYTES and answer["seconds"] < SECONDS, answer
