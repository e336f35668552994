"""The command line says a refusal in a sentence."""

import os
import sys
from pathlib import Path

import pytest
from allennlp.common.checks import ConfigurationError

from bert_classification.commands import refusals
from bert_classification.data.records import RecordError
from tests.support import FIXTURES, ROOT, run_allennlp

ARCHIVE = FIXTURES / "archives" / "classification.tar.gz"


@pytest.fixture
def truncated(tmp_path) -> Path:
    path = tmp_path / "short.tar.gz"
    path.write_bytes(ARCHIVE.read_bytes()[:1000])
    return path


@pytest.mark.parametrize(
    "command",
    [["predict", "ARCHIVE", "records.jsonl"], ["to-safetensors", "ARCHIVE", "new.tar.gz"]],
)
def test_an_archive(truncated, command) -> None:
    """`predict` is a command of AllenNLP, which knows of our package only when it has begun."""
    done = run_allennlp(*(truncated if word == "ARCHIVE" else word for word in command))
    assert done.returncode == 1
    assert "Traceback" not in done.stderr + done.stdout
    assert done.stderr.endswith(
        f"{truncated} is not opened: it ends too early; it was not copied or downloaded whole.\n"
    )


def test_data_that_training_refuses(tmp_path) -> None:
    """AllenNLP logs a traceback of it, to the file as well."""
    overrides = '{"train_data_path": "nothing.jsonl"}'
    config = ROOT / "training_config" / "classification.jsonnet"
    done = run_allennlp("train", config, "-s", tmp_path / "out", "-o", overrides, cwd=ROOT)
    log = (tmp_path / "out" / "out.log").read_text()
    assert done.returncode == 1
    assert "Traceback" not in done.stderr + done.stdout + log
    assert done.stderr.endswith("nothing.jsonl: no such file.\n")
    assert log.endswith("nothing.jsonl: no such file.\n")


def test_the_traceback_comes_back(truncated) -> None:
    environment = {**os.environ, "BERT_CLASSIFICATION_DEBUG": "1"}
    done = run_allennlp("to-safetensors", truncated, "new.tar.gz", env=environment)
    assert done.returncode == 1
    assert "Traceback" in done.stderr and "it ends too early" in done.stderr


@pytest.mark.parametrize(
    "error, refused",
    [
        (ConfigurationError("no"), True),
        (RecordError("no"), True),
        (FileNotFoundError("file x not found"), True),
        (PermissionError(13, "Permission denied", "x"), True),
        (RuntimeError("STATIC ERROR: config.jsonnet:1:7"), True),
        (RuntimeError("CUDA error"), False),
        (OSError("no more"), False),
        (AssertionError("a defect"), False),
        (KeyError("a defect"), False),
    ],
)
def test_what_a_refusal_is(error, refused) -> None:
    assert refusals.is_refusal(error) == refused


class TestExcepthook:
    @pytest.fixture
    def seen(self, monkeypatch) -> list:
        """What reaches the hook that was there before ours."""
        seen: list = []
        monkeypatch.setattr(sys, "excepthook", lambda *error: seen.append(error))
        monkeypatch.setitem(sys.modules, "allennlp.__main__", sys)
        monkeypatch.delenv(refusals.DEBUG, raising=False)
        refusals.install_excepthook()
        return seen

    def call(self, error: BaseException) -> None:
        sys.excepthook(type(error), error, None)

    def test_a_refusal(self, seen, capsys) -> None:
        self.call(ConfigurationError("No such thing."))
        assert capsys.readouterr().err == "No such thing.\n" and not seen

    def test_a_defect(self, seen, capsys) -> None:
        self.call(ValueError("a defect"))
        assert len(seen) == 1 and capsys.readouterr().err == ""

    def test_an_interrupt_is_quiet(self, seen, capsys) -> None:
        """Python itself ends with the signal, which shells show as 130."""
        self.call(KeyboardInterrupt())
        assert capsys.readouterr().err == "" and not seen


def test_other_programs_keep_their_excepthook() -> None:
    before = sys.excepthook
    refusals.install_excepthook()
    assert sys.excepthook is before
