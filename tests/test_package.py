"""
One word a task: folder, three registrations, page, config, fixtures, folder of tests and README row
belong together.
"""

import importlib
import inspect
import warnings
from pathlib import Path

import pytest
from allennlp.common import Params
from allennlp.data import DatasetReader
from allennlp.models import Model
from allennlp.predictors import Predictor

import bert_classification
from tests.support import PACKAGE, ROOT, TASKS, predictor_class, short_record


def test_there_are_tasks() -> None:
    assert "classification" in TASKS


@pytest.mark.parametrize(
    "module", ["bert_classification.bert.encoder", "allennlp_compat", __name__]
)
def test_a_warning_that_we_cause_is_an_error(module) -> None:
    with pytest.raises(DeprecationWarning):
        warnings.warn_explicit("old", DeprecationWarning, "a file", 1, module=module)


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

    def test_the_predictor_says_what_the_task_is(self, task) -> None:
        predictor = predictor_class(task)
        known = {*predictor.input_keys, predictor.gold_key}
        assert predictor.example and set(predictor.example) <= known
        assert predictor.output_keys and set(short_record(task)) <= known
        assert predictor.gold_key not in {*predictor.input_keys, *short_record(task)}
        # Word importance is that for the label, which the predictor puts into the instance.
        label = "predictions_to_labeled_instances"
        assert bool(predictor.segment_keys) == any(label in vars(each) for each in own(predictor))

    def test_the_page_lies_beside_the_predictor(self, task) -> None:
        source = Path(inspect.getfile(predictor_class(task)))
        assert source == PACKAGE / task / "predictor.py"
        assert source.with_name("page.js").is_file()

    def test_fixtures_and_readme_row(self, task) -> None:
        assert (ROOT / "fixtures" / task).is_dir()
        rows = [line for line in (ROOT / "README.md").read_text().splitlines() if line[:1] == "|"]
        assert any(f"`{self.registered_name(task)}`" in row for row in rows)

    def test_tests_of_its_own(self, task) -> None:
        here = {path.name for path in (ROOT / "tests" / task).iterdir()}
        modules = ("dataset_reader", "model", "predictor")
        assert {"page.py", *(f"test_{module}.py" for module in modules)} <= here


def own(predictor: type) -> list[type]:
    """Gives the classes between a predictor and AllenNLP's."""
    return [each for each in predictor.__mro__ if each.__module__.startswith("bert_classification")]
