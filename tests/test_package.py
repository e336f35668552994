"""
One word a task: folder, three registrations, config, fixtures, test file and README row belong
together.
"""

import importlib
from pathlib import Path

import pytest
from allennlp.common import Params
from allennlp.data import DatasetReader
from allennlp.models import Model
from allennlp.predictors import Predictor

import bert_classification
from tests.support import ROOT, TASKS


def test_there_are_tasks() -> None:
    assert "classification" in TASKS


@pytest.mark.parametrize("task", TASKS)
class TestTask:
    def registered_name(self, task: str) -> str:
        return f"bert_for_{task}"

    def test_registrations_and_default_predictor(self, task) -> None:
        name = self.registered_name(task)
        model, reader, predictor = (
            kind.by_name(name) for kind in (Model, DatasetReader, Predictor)
        )
        assert model.default_predictor == name
        stem = model.__name__
        assert (reader.__name__, predictor.__name__) == (f"{stem}Reader", f"{stem}Predictor")
        for kind in (model, reader, predictor):
            assert getattr(bert_classification, kind.__name__) is kind
        assert stem in dir(importlib.import_module(f"bert_classification.{task}"))

    def test_config_names_the_task_and_the_common_keys(self, task) -> None:
        config = Params.from_file(f"training_config/{task}.jsonnet").as_dict()
        name = self.registered_name(task)
        assert config["model"]["type"] == config["dataset_reader"]["type"] == name
        indexer = config["dataset_reader"]["token_indexers"]["bert"]
        assert indexer["type"] == "bert-pretrained"
        assert indexer["pretrained_model"] == config["model"]["bert_model"] == "fixtures/bert"
        for key in ("train_data_path", "validation_data_path"):
            assert Path(config[key]).parent == Path("fixtures") / task

    def test_fixtures_test_file_and_readme_row(self, task) -> None:
        assert (ROOT / "fixtures" / task).is_dir()
        assert (ROOT / "tests" / f"test_{task}.py").is_file()
        rows = [line for line in (ROOT / "README.md").read_text().splitlines() if line[:1] == "|"]
        assert any(f"`{self.registered_name(task)}`" in row for row in rows)
