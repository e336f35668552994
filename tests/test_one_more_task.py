"""
One more task costs its own files and two lines of what exists: `one_more_task/`, laid into a copy
of this repository, is found by the tests of all tasks, has a page, and is exported.
"""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from transformers import BertModel

from tests.support import ROOT

TASK = "text_similarity"
PARTS = ("allennlp_compat", "bert_classification", "fixtures", "pyproject.toml", "README.md")
ROW = (
    f"| {TASK} | `bert_for_{TASK}` | "
    '`{"text": "It rained.", "text_pair": "It was wet."}` | to train `label`, a number | '
    "`similarity` |"
)


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    copy = tmp_path_factory.mktemp("copy") / "repository"
    copy.mkdir()
    for part in (*PARTS, "tests", "training_config"):
        source = ROOT / part
        if source.is_file():
            shutil.copy(source, copy)
        else:
            shutil.copytree(source, copy / part, ignore=shutil.ignore_patterns("__pycache__"))
    lay_down(copy / "tests" / "one_more_task", copy)
    return copy


def lay_down(task: Path, copy: Path) -> None:
    """Puts the files of the task where they belong, and adds the two lines."""
    shutil.copytree(task / "package", copy / "bert_classification" / TASK)
    shutil.copytree(task / "fixtures", copy / "fixtures" / TASK)
    shutil.copytree(task / "tests", copy / "tests" / TASK)
    shutil.copy(task / f"{TASK}.jsonnet", copy / "training_config")
    add_line(copy / "bert_classification" / "__init__.py", "from bert_classification.t", IMPORT)
    add_line(copy / "README.md", "| [question_answering]", ROW)


IMPORT = f"from bert_classification.{TASK} import *"


def add_line(path: Path, beside: str, line: str) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    index = next(i for i, each in enumerate(lines) if each.startswith(beside))
    path.write_text("\n".join([*lines[:index], line, *lines[index:], ""]), encoding="utf-8")


def run(copy: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", *arguments]
    done = subprocess.run(command, cwd=copy, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-3000:]
    return done.stdout


def test_the_tests_of_all_tasks_find_it_and_pass(copy) -> None:
    files = ("tests/test_package.py", "tests/test_every_task.py")
    asked = run(copy, "pytest", "-n", "0", "-vv", "-k", f"{TASK} or architecture", *files)
    for name in ("test_package", "test_serve", "test_the_page_knows", "test_the_readme_asks"):
        assert any(name in line and TASK in line for line in asked.splitlines()), name


def test_it_trains_and_is_exported(copy) -> None:
    config = f"training_config/{TASK}.jsonnet"
    run(copy, "allennlp", "train", config, "-s", "out", "-o", '{"trainer.num_epochs": 1}')
    run(copy, "allennlp", "export-hf", "out/model.tar.gz", "exported")
    exported = BertModel.from_pretrained(copy / "exported")
    assert exported.config.architectures == ["BertModel"]


def test_a_config_is_proposed_for_it(copy) -> None:
    files = (f"fixtures/{TASK}/train.jsonl", "--dev", f"fixtures/{TASK}/dev.jsonl")
    proposed = run(
        copy, "allennlp", "init-config", TASK, "--bert", "fixtures/bert", "--train", *files
    )
    (copy / "my.jsonnet").write_text(proposed, encoding="utf-8")
    run(
        copy, "allennlp", "train", "my.jsonnet", "-s", "proposed", "-o", '{"trainer.num_epochs": 1}'
    )
