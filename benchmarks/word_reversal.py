"""
BERT to BERT from scratch on a task that can be checked: the words of a sentence turned around.

    python -m benchmarks.word_reversal DIRECTORY
"""

import json
import random
import sys
from pathlib import Path
from typing import Iterator

from allennlp.commands.train import train_model
from allennlp.common import Params

import bert_classification  # noqa: F401  registers everything

WORDS = (
    "the a and to in was my with it for at that had on no do all one have room out last new left "
    "old two three what when she he"
).split()
TRAIN, DEV, EPOCHS = 12_000, 500, 5
SIZES = {
    "hidden_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 256,
    "max_position_embeddings": 64,
    "hidden_dropout_prob": 0.0,
    "attention_probs_dropout_prob": 0.0,
}


def main(directory: Path, train: int = TRAIN, dev: int = DEV, epochs: int = EPOCHS) -> float:
    """Trains in an empty directory; returns the share of new sentences without a fault."""
    sentences = draw()
    for name, count in (("dev", dev), ("train", train)):
        lines = [json.dumps(next(sentences)) for _ in range(count)]
        (directory / f"{name}.jsonl").write_text("\n".join(lines), encoding="utf-8")
    train_model(Params(config(directory, epochs)), str(directory / "trained"))
    metrics = json.loads((directory / "trained" / "metrics.json").read_text(encoding="utf-8"))
    return metrics["best_validation_exact_match"]


def draw() -> Iterator[dict[str, str]]:
    """Yields sentences of two to six words, each once."""
    generator, seen = random.Random(1), set()
    while True:
        words = tuple(generator.choices(WORDS, k=generator.randint(2, 6)))
        if words not in seen:
            seen.add(words)
            yield {"source": " ".join(words), "target": " ".join(reversed(words))}


def config(directory: Path, epochs: int) -> dict:
    task, bert = "bert_for_sequence_to_sequence", str(directory / "bert")
    scratch = {"text": str(directory / "train.jsonl"), "vocab_size": 200, "config": SIZES}
    indexer = {"type": "bert-pretrained", "pretrained_model": bert, "from_scratch": scratch}
    return {
        "dataset_reader": {"type": task, "token_indexers": {"bert": indexer}},
        "model": {"type": task, "bert_model": bert, "max_validation_pieces": 16},
        "train_data_path": str(directory / "train.jsonl"),
        "validation_data_path": str(directory / "dev.jsonl"),
        "data_loader": {"batch_size": 64, "shuffle": True},
        "trainer": {
            "num_epochs": epochs,
            "validation_metric": "+exact_match",
            "grad_norm": 1.0,
            "optimizer": {"type": "huggingface_adamw", "lr": 1e-3},
            "learning_rate_scheduler": {"type": "slanted_triangular"},
        },
    }


if __name__ == "__main__":
    print(f"exact: {main(Path(sys.argv[1])):.3f}")
