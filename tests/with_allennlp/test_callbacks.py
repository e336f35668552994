"""AllenNLP's own callbacks and commands around a training of ours."""

import json
from pathlib import Path
from typing import Iterator

from tensorboardX.proto.event_pb2 import Event

from tests.support import ROOT, allennlp

CONFIG = ROOT / "training_config" / "classification.jsonnet"


def events(path: Path) -> Iterator[Event]:
    """Reads the records of a log: length (8 bytes), checksum (4), an event, checksum (4)."""
    content = path.read_bytes()
    while content:
        length = int.from_bytes(content[:8], "little")
        yield Event.FromString(content[12 : 12 + length])
        content = content[16 + length :]


def test_tensorboard_gets_losses_rates_and_histograms(tmp_path) -> None:
    callback = {
        "type": "tensorboard",
        "summary_interval": 2,
        "distribution_interval": 2,
        "should_log_learning_rate": True,
    }
    overrides = {
        "trainer.num_epochs": 1,
        "trainer.callbacks": [callback, {"type": "confidence_checks"}],
        "trainer.moving_average": {"type": "exponential", "decay": 0.9},
    }
    allennlp("train", CONFIG, "-s", tmp_path / "out", "-o", json.dumps(overrides))
    tags = {
        value.tag
        for path in (tmp_path / "out" / "log").rglob("events*")
        for event in events(path)
        for value in event.summary.value
    }
    assert any(tag.endswith("/loss") for tag in tags)
    assert any(tag.startswith("learning_rate/bert.") for tag in tags)
    assert any(tag.startswith("gradient_update/bert.") for tag in tags)


def test_a_learning_rate_is_searched_and_drawn(tmp_path) -> None:
    allennlp("find-lr", CONFIG, "-s", tmp_path / "out", "--num-batches", 12)
    picture = (tmp_path / "out" / "lr-losses.png").read_bytes()
    assert picture.startswith(b"\x89PNG") and len(picture) > 5_000
