import re

import pytest

from bert_classification.commands.resources import shipped
from tests.support import FIXTURES, ROOT, TASKS


def test_files_of_a_checkout(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    for task in TASKS:
        assert shipped(f"training_config/{task}.jsonnet").parent == ROOT / "training_config"
    assert shipped("fixtures/classification/train.jsonl").parent == FIXTURES / "classification"


def test_a_file_that_is_not_there() -> None:
    with pytest.raises(FileNotFoundError, match=re.escape("training_config/none.jsonnet is not")):
        shipped("training_config/none.jsonnet")
