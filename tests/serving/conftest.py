import pytest
from allennlp.predictors import Predictor

from tests.conftest import FIXTURES


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    return Predictor.from_path(str(FIXTURES / "archives/classification.tar.gz"))
