"""
Archives that were made by earlier versions, with the predictions that these gave: whatever changes,
they open and say the same.
"""

import pytest
from allennlp.predictors import Predictor

from tests.support import FIXTURES, TASKS, assert_close, read_json_lines

ARCHIVES = sorted((FIXTURES / "archives").glob("*.tar.gz"))


def test_every_task_has_a_witness() -> None:
    names = {path.name.removesuffix(".tar.gz") for path in ARCHIVES}
    assert set(TASKS) <= names


@pytest.mark.parametrize("path", ARCHIVES, ids=lambda path: path.name)
def test_predictions_are_those_of_the_version_that_made_it(path) -> None:
    predictor = Predictor.from_path(path)
    (task,) = (task for task in TASKS if path.name.startswith(task))
    records = read_json_lines(FIXTURES / task / "predict.jsonl")
    expected = read_json_lines(path.with_name(path.name.replace(".tar.gz", ".jsonl")))
    outputs = predictor.predict_batch_json(records)
    assert len(outputs) == len(expected)
    for output, then in zip(outputs, expected):
        then.pop("line", None)
        assert_close(output, then, 1e-6)
