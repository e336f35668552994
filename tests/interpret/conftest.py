"""A model of which it is known what its answers hang on."""

import pytest

from tests.interpret.support import Planted, planted_texts, train_planted


@pytest.fixture(scope="session")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Planted:
    return train_planted(planted_texts(64, 0), tmp_path_factory.mktemp("planted") / "train.jsonl")
