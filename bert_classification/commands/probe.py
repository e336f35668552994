"""`allennlp probe`: what each layer knows of the labels."""

import argparse
import json
from pathlib import Path

from allennlp.commands.subcommand import Subcommand
from allennlp.common.util import JsonDict

from bert_classification.commands.studied import MODEL_HELP, open_predictor
from bert_classification.interpret.probe import POOLINGS, probe
from bert_classification.predictor import check_count


@Subcommand.register("probe")
class Probe(Subcommand):
    """`allennlp probe MODEL DATA -d DIRECTORY`: probe.json and probe.svg."""

    def add_subparser(self, parser: argparse._SubParsersAction) -> argparse.ArgumentParser:
        subparser = parser.add_parser(
            self.name,
            description="Measure how well a linear classifier tells the labels of data from the "
            "hidden states of each layer.",
            help="Measure what each layer knows of the labels.",
        )
        add = subparser.add_argument
        add("model", help=MODEL_HELP)
        add("data", help="labelled data, as the model's reader reads them")
        add("-d", "--directory", required=True, help="where to write probe.json and probe.svg")
        add(
            "--pooling",
            choices=POOLINGS,
            default=POOLINGS[0],
            help="what stands for a text: its first piece, or the mean (default: %(default)s)",
        )
        add("--max-examples", type=int, default=2000, help="(default: %(default)s)")
        add("--cuda-device", type=int, default=-1, help="id of GPU to use (if any)")
        subparser.set_defaults(func=probe_file)
        return subparser


def probe_file(args: argparse.Namespace) -> None:
    """Probes a model with the labels of a file, and writes what is found."""
    check_count("--max-examples", args.max_examples)
    predictor = open_predictor(args.model, args.data, args.cuda_device)
    found = probe(predictor, args.data, args.pooling, args.max_examples)
    directory = Path(args.directory)
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "probe.json").write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    draw(found, directory / "probe.svg")


def draw(found: JsonDict, path: Path) -> None:
    """Draws the accuracy of each layer over that of always saying the most frequent label."""
    # It takes a second to import.
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    layers, accuracies, deviations = (
        [each[key] for each in found["layers"]] for key in ("layer", "accuracy", "deviation")
    )
    axes.errorbar(layers, accuracies, deviations, marker="o", capsize=3, label="linear probe")
    axes.axhline(found["baseline"], linestyle="--", color="gray", label="most frequent label")
    axes.set(xlabel="layer (0: embeddings)", ylabel="accuracy")
    axes.set_xticks(layers)
    axes.legend()
    figure.savefig(path, metadata={"Date": None})
