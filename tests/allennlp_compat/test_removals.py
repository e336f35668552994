"""What AllenNLP names of other libraries is there; what is not there is found."""

import sys

import pytest

from tests.allennlp_own.removals import PACKAGES, modules_of, problems_of

GONE = """
import torch
import torch.nn.functional as F
from transformers import BertModel, TFBertModel
from torch.optim.lr_scheduler import ReduceLROnPlateau
from huggingface_hub import HfApi

def f(model: BertModel):
    F.relu(F.gone)
    torch.optim.AdamW([], correct_bias=True)
    api = HfApi()
    api.create_repo(name="a")
    model.prune()

class Plateau(ReduceLROnPlateau):
    def __init__(self):
        super().__init__(None, verbose=True)
"""


@pytest.fixture
def gone(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    path = tmp_path / "a_module_of_2022.py"
    path.write_text(GONE.replace(", TFBertModel", ""))
    __import__("a_module_of_2022")
    path.write_text(GONE)
    yield path
    del sys.modules["a_module_of_2022"]


def test_what_is_gone_is_found(gone) -> None:
    problems = sorted(problems_of("a_module_of_2022", gone))
    expected = {
        4: "transformers has no TFBertModel",
        9: "F.gone is gone",
        10: "torch.optim.AdamW(): got an unexpected keyword argument 'correct_bias'",
        12: "HfApi.create_repo(): missing a required argument: 'repo_id'",
        13: "BertModel.prune is gone",
        17: "super().__init__() of Plateau: got an unexpected keyword argument 'verbose'",
    }
    assert dict(problems) == expected


@pytest.mark.filterwarnings("ignore:Module 'sanity_checks' is deprecated")
@pytest.mark.parametrize("package", PACKAGES)
def test_nothing_that_allennlp_names_is_gone(package) -> None:
    found = [problem for module in modules_of(package) for problem in problems_of(*module)]
    assert found == []
