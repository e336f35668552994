"""What a data worker, or one of several processes that train, refuses is said as one would."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from bert_classification.commands.ranks import RankRefusal, with_refusals_of_ranks
from tests.support import FIXTURES, ROOT, run_allennlp, write_lines

CONFIG = ROOT / "training_config" / "classification.jsonnet"
SENTENCE = "bad.jsonl, line 3: `text`: expected a string, got a number (5).\n"
TWO = {"distributed": {"cuda_devices": [-1, -1]}, "datasets_for_vocab_creation": ["train"]}


def train_with_bad_line(
    directory: Path, key: str, settings: dict[str, Any], **environment: str
) -> subprocess.CompletedProcess:
    lines: list[Any] = [{"text": "Good.", "label": "neutral"}] * 2
    bad = write_lines(directory / "bad.jsonl", [*lines, {"text": 5, "label": "neutral"}])
    arguments = (CONFIG, "-s", directory / "out", "-o", json.dumps({key: bad, **settings}))
    return run_allennlp("train", *arguments, cwd=ROOT, env={**os.environ, **environment})


@pytest.mark.parametrize(
    "key, settings",
    [
        ("train_data_path", {"data_loader.num_workers": 2}),
        ("validation_data_path", {**TWO, "validation_data_loader.num_workers": 1}),
    ],
)
def test_a_bad_line(tmp_path, key, settings) -> None:
    done = train_with_bad_line(tmp_path, key, settings)
    logs = "".join(path.read_text() for path in (tmp_path / "out").glob("*.log"))
    assert done.returncode == 1
    assert "Traceback" not in done.stderr + done.stdout + logs
    assert done.stderr.count(SENTENCE) == 1 and SENTENCE in logs


def test_the_traceback_comes_back(tmp_path) -> None:
    settings = {**TWO, "validation_data_loader.num_workers": 1}
    done = train_with_bad_line(
        tmp_path, "validation_data_path", settings, BERT_CLASSIFICATION_DEBUG="1"
    )
    assert done.returncode == 1
    assert "in get_text" in done.stderr and "Traceback" in done.stderr


def test_a_bad_line_for_an_evaluation(tmp_path) -> None:
    bad = write_lines(tmp_path / "bad.jsonl", [{"text": 5, "label": "neutral"}])
    archive = FIXTURES / "archives" / "classification.tar.gz"
    done = run_allennlp("evaluate", archive, bad, "-o", '{"data_loader.num_workers": 1}')
    assert done.returncode == 1 and "Traceback" not in done.stderr + done.stdout
    assert done.stderr.endswith("bad.jsonl, line 1: `text`: expected a string, got a number (5).\n")


def test_a_defect_of_a_process_keeps_its_traceback() -> None:
    from torch.multiprocessing import ProcessRaisedException

    def fail() -> None:
        raise ProcessRaisedException(f"ValueError: {RankRefusal.__name__}: no JSON", 0, 1)

    with pytest.raises(ProcessRaisedException):
        with_refusals_of_ranks(fail)()
