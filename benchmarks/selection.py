"""
What labels are worth that `allennlp select` asks for: a model is trained on 100 records drawn at
random, and on 100 more at a time, which are drawn too or selected by the model so far.

    python -m benchmarks.selection --data DIR --bert NAME --only sst2 --out sst2.json
    python -m benchmarks.selection --only sst2 --out sst2.json --picture sst2.svg

`DIR` holds `SST-2/train.tsv` and `dev.tsv`, and `WNUT17/*.conll`.
"""

import argparse
import json
import logging
import random
import tempfile
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import torch
from allennlp.common import Params
from allennlp.common.util import prepare_environment
from allennlp.data import DataLoader, DatasetReader, Vocabulary
from allennlp.models import Model
from allennlp.predictors import Predictor
from allennlp.training import Trainer
from allennlp.training.util import evaluate

from bert_classification.commands.select import different, most_doubtful
from bert_classification.data.records import read_records
from bert_classification.evaluation.pictures import curves
from bert_classification.token_classification.conll import read_columns

AT_A_TIME = 100
TYPES = ("corporation", "creative-work", "group", "location", "person", "product")
WAYS = ("random", "margin", "margin, diverse", "disagreement")

Records = list[dict[str, Any]]


class Task(NamedTuple):
    name: str
    metric: str
    reader: dict[str, Any]
    epochs: int
    learning_rate: float
    pool: Records
    dev: Records


def sst2(directory: Path) -> Task:
    pool, dev = (
        [record.values for record in read_records(str(path), columns={"text": "sentence"})]
        for path in (directory / "SST-2/train.tsv", directory / "SST-2/dev.tsv")
    )
    reader = {"label_names": ["0", "1"]}
    return Task("bert_for_classification", "accuracy", reader, 8, 1e-4, pool, dev)


def wnut17(directory: Path) -> Task:
    pool, dev = (
        [record.values for record in read_columns(str(path), "IOB2")]
        for path in (
            directory / "WNUT17/wnut17train.conll",
            directory / "WNUT17/emerging.dev.conll",
        )
    )
    names = ["O", *(f"{prefix}-{kind}" for kind in TYPES for prefix in "BI")]
    reader = {"label_names": names}
    return Task("bert_for_token_classification", "f1", reader, 6, 5e-4, pool, dev)


TASKS = {"sst2": sst2, "wnut17": wnut17}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.selection")
    parser.add_argument("--data", type=Path)
    parser.add_argument("--bert")
    parser.add_argument("--only", choices=TASKS, nargs="+", default=list(TASKS))
    parser.add_argument("--ways", choices=WAYS, nargs="+", default=WAYS[:3])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--pool", type=int, default=3000, help="records that may be asked for")
    parser.add_argument("--out", type=Path, required=True, help="what is there is not done again")
    parser.add_argument("--picture", type=Path, help="draw what is there, an SVG")
    options = parser.parse_args()
    if options.picture is not None:
        options.picture.write_text(picture(json.loads(options.out.read_text()), options.only[0]))
        return
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    results = json.loads(options.out.read_text()) if options.out.exists() else {}
    for seed in options.seeds:
        for name in options.only:
            task = TASKS[name](options.data)
            for way in options.ways:
                key = f"{name}, {way}, {seed}"
                if key not in results:
                    results[key] = curve(task, way, seed, options)
                    options.out.write_text(json.dumps(results, indent=1) + "\n")
                    print(key, results[key], flush=True)


def picture(results: dict[str, list[float]], name: str) -> str:
    """Draws the mean over the seeds that all ways have, of each way."""
    found: dict[str, dict[str, list[float]]] = {}
    for key, values in results.items():
        way, _, seed = key.removeprefix(f"{name}, ").rpartition(", ")
        if key.startswith(name):
            found.setdefault(way, {})[seed] = values
    seeds = set.intersection(*(set(each) for each in found.values()))
    lines = []
    for way, by_seed in found.items():
        means = [sum(each) / len(each) for each in zip(*(by_seed[seed] for seed in seeds))]
        asked = [AT_A_TIME * (number + 1) for number in range(len(means))]
        lines.append((way, asked, means))
    title = f"{name}: the mean of {len(seeds)} seeds"
    return curves(f"selection-{name}", title, lines, "labels asked for", "on development data").svg


def curve(task: Task, way: str, seed: int, options: argparse.Namespace) -> list[float]:
    """Gives the metric on the development data after each hundred of labels."""
    draw = random.Random(seed)
    pool = draw.sample(task.pool, min(options.pool, len(task.pool)))
    chosen, pool = pool[:AT_A_TIME], pool[AT_A_TIME:]
    metrics = []
    for asked in range(options.rounds):
        prepare_environment(Params({"random_seed": seed, "numpy_seed": seed, "pytorch_seed": seed}))
        predictor, metric = train(task, chosen, options.bert)
        metrics.append(round(metric, 4))
        if asked < options.rounds - 1:
            lines = set(ask(predictor, pool, way, seed))
            chosen = chosen + [pool[line] for line in sorted(lines)]
            pool = [record for line, record in enumerate(pool) if line not in lines]
    return metrics


def ask(predictor: Any, pool: Records, way: str, seed: int) -> list[int]:
    """Chooses a hundred records of the pool, by their places."""
    if way == "random":
        return list(range(AT_A_TIME))
    is_diverse = way.endswith("diverse")
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as file:
        file.writelines(json.dumps(record) + "\n" for record in pool)
        file.flush()
        options = argparse.Namespace(
            pool=file.name, n=AT_A_TIME, by=way.partition(",")[0], passes=5, seed=seed
        )
        found = most_doubtful(predictor, options, AT_A_TIME * (10 if is_diverse else 1))
    if is_diverse:
        found = different(predictor, found, options)
    return [each.line - 1 for each in found]


def train(task: Task, records: Records, bert: str) -> tuple[Any, float]:
    indexers = {"bert": {"type": "bert-pretrained", "pretrained_model": bert, "max_pieces": 128}}
    reader = DatasetReader.from_params(
        Params({"type": task.name, "token_indexers": indexers, **task.reader})
    )
    with tempfile.TemporaryDirectory() as directory:
        loaders = [load(reader, each, Path(directory)) for each in (records, task.dev)]
        vocab = Vocabulary.from_instances(loaders[0].iter_instances())
        for loader in loaders:
            loader.index_with(vocab)
        model = Model.from_params(
            Params({"type": task.name, "bert_model": bert, "dropout": 0.1}), vocab=vocab
        )
        optimizer = {"type": "huggingface_adamw", "lr": task.learning_rate}
        trainer = Trainer.from_params(
            Params(
                {
                    "num_epochs": task.epochs,
                    "grad_norm": 1.0,
                    "optimizer": optimizer,
                    "learning_rate_scheduler": {"type": "slanted_triangular", "cut_frac": 0.1},
                }
            ),
            model=model,
            data_loader=loaders[0],
            serialization_dir=None,
        )
        # Nothing is kept.
        trainer._checkpointer = None
        trainer.train()
        with torch.inference_mode():
            metrics = evaluate(model.eval(), loaders[1])
    predictor = Predictor.by_name(task.name)(model, reader)
    return predictor, metrics[task.metric]


def load(reader: DatasetReader, records: Records, directory: Path) -> DataLoader:
    path = directory / f"{len(records)}.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return DataLoader.from_params(
        Params({"batch_size": 16, "shuffle": True}), reader=reader, data_path=str(path)
    )


if __name__ == "__main__":
    main()
