"""The model card of an exported checkpoint."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.support import ROOT, allennlp


class TestCard:
    def test_has_the_metrics_and_the_way_to_open(self, export, archive_of) -> None:
        card = (export("classification") / "README.md").read_text(encoding="utf-8")
        metrics = json.loads((archive_of("classification").parent / "metrics.json").read_text())
        assert f"| validation_loss | {metrics['validation_loss']:.6g} |" in card
        assert "license: unknown" in card and "bert_for_classification" in card
        assert "BertForSequenceClassification.from_pretrained(directory)" in card

    @pytest.mark.parametrize(
        ("task", "text", "key"),
        [
            ("classification", "The soup was cold.", "label"),
            ("token_classification", "Ada lives in London.", "entity"),
            ("masked_lm", "The [MASK] was cold.", "token_str"),
            ("causal_lm", "The soup", "generated_text"),
        ],
    )
    def test_its_pipeline_runs(self, task, text, key, export, monkeypatch) -> None:
        monkeypatch.chdir(export(task))
        card = Path("README.md").read_text(encoding="utf-8")
        names: dict[str, Any] = {}
        for block in re.findall("```python\n(.*?)```", card, re.DOTALL):
            exec(block, names)
        assert all(key in answer for answer in names["answer"](text))

    def test_lists_labels(self, export) -> None:
        settings = json.loads((export("classification") / "config.json").read_text())
        card = (export("classification") / "README.md").read_text(encoding="utf-8")
        rows = [f"| {key} | {label} |" for key, label in settings["id2label"].items()]
        assert "\n".join(rows) in card
        assert "## Labels" not in (export("masked_lm") / "README.md").read_text(encoding="utf-8")

    def test_has_no_metrics_of_another_training(self, archive_of, tmp_path) -> None:
        for name in ("metrics.json", "config.json"):
            source = archive_of("classification").parent / name
            (tmp_path / name).write_text(source.read_text().replace("_adamw", "_other"))
        moved = tmp_path / "model.tar.gz"
        moved.write_bytes(archive_of("classification").read_bytes())
        allennlp("export-hf", moved, tmp_path / "out")
        assert "validation_loss" not in (tmp_path / "out" / "README.md").read_text()

    def test_tells_thresholds(self, tmp_path) -> None:
        overrides = {
            "dataset_reader.problem_type": "multi_label_classification",
            "model.problem_type": "multi_label_classification",
            "model.threshold": {"positive": 0.25, "negative": 0.5, "neutral": 0.75},
            "trainer.num_epochs": 1,
            "trainer.validation_metric": "-loss",
            "dataset_reader.label_delimiter": " ",
        }
        config = ROOT / "training_config" / "classification.jsonnet"
        allennlp("train", config, "-s", tmp_path / "run", "-o", json.dumps(overrides))
        allennlp("export-hf", tmp_path / "run", tmp_path / "out")
        assert "| objective.thresholds | [0." in (tmp_path / "out" / "README.md").read_text()
        settings = json.loads((tmp_path / "out" / "config.json").read_text())
        assert settings["problem_type"] == "multi_label_classification"
