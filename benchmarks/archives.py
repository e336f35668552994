"""
Size of our archives and the time to open one, beside those of plain AllenNLP with the same BERT.

Trains a step of each on the shipped sentences, then opens them in turns, each time in a process of
its own, and prints megabytes and seconds. AllenNLP reads the pre-trained weights before those of
its archive and needs their directory; ours has all it needs:

    python benchmarks/archives.py BERT_DIRECTORY
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

OPEN = """
import sys, time
import bert_classification
from allennlp.predictors import Predictor
start = time.perf_counter()
Predictor.from_path(sys.argv[1])
print(time.perf_counter() - start)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.strip().splitlines()[0])
    parser.add_argument("bert", help="directory of a BERT")
    parser.add_argument("--pairs", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        archives = {
            "ours": train(Path(directory, "ours"), ours(options.bert)),
            "plain": train(Path(directory, "plain"), plain(options.bert)),
        }
        for name, archive in archives.items():
            print(f"{name}: {archive.stat().st_size / 1e6:.1f} MB")
        for _ in range(options.pairs):
            print(*(f"{name} {seconds(archive, name):.2f} s" for name, archive in archives.items()))


def ours(bert: str) -> dict[str, Any]:
    indexer = {"type": "bert-pretrained", "pretrained_model": bert}
    reader = {"type": "bert_for_classification", "token_indexers": {"bert": indexer}}
    return config(reader, {"type": "bert_for_classification", "bert_model": bert})


def plain(bert: str) -> dict[str, Any]:
    named = {"type": "pretrained_transformer", "model_name": bert}
    reader = {
        "type": "text_classification_json",
        "tokenizer": {**named, "max_length": 512},
        "token_indexers": {"bert": named},
    }
    model = {
        "type": "basic_classifier",
        "text_field_embedder": {"token_embedders": {"bert": named}},
        "seq2vec_encoder": {"type": "bert_pooler", "pretrained_model": bert},
    }
    return config(reader, model)


def config(reader: dict[str, Any], model: dict[str, Any]) -> dict[str, Any]:
    return {
        "dataset_reader": reader,
        "model": model,
        "train_data_path": "fixtures/classification/train.jsonl",
        "data_loader": {"batch_size": 8, "batches_per_epoch": 1},
        "trainer": {"num_epochs": 1, "optimizer": "adamw"},
    }


def train(directory: Path, settings: dict[str, Any]) -> Path:
    directory.with_suffix(".json").write_text(json.dumps(settings))
    command = [sys.executable, "-m", "allennlp", "train", str(directory.with_suffix(".json"))]
    subprocess.run([*command, "-s", str(directory)], check=True, capture_output=True)
    return directory / "model.tar.gz"


def seconds(archive: Path, name: str) -> float:
    trust = {"BERT_CLASSIFICATION_TRUST_ARCHIVES": str(int(name == "plain"))}
    command = [sys.executable, "-c", OPEN, str(archive)]
    done = subprocess.run(
        command, env={**os.environ, **trust}, check=True, capture_output=True, text=True
    )
    return float(done.stdout)


if __name__ == "__main__":
    main()
