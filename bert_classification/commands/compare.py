"""`allennlp compare`: whether one model is better than another, and on which records."""

import argparse
import sys
from pathlib import Path
from typing import Any, Optional, Sequence

from allennlp.commands.subcommand import Subcommand
from allennlp.common.checks import ConfigurationError, check_for_gpu
from allennlp.common.util import JsonDict
from markupsafe import Markup

from bert_classification.commands.report import is_predictions
from bert_classification.commands.studied import open_archive, predictor_of
from bert_classification.evaluation.comparison import Comparison, compare
from bert_classification.evaluation.comparison_page import (
    Explained,
    limited,
    worded,
    write_comparison,
)
from bert_classification.evaluation.figures import sure, words_of
from bert_classification.evaluation.page import shaded
from bert_classification.evaluation.predictions import (
    check_data,
    read_predictions,
    write_predictions,
)
from bert_classification.evaluation.task_lines import lines_of, task_of
from bert_classification.interpret.gradients import check_studied
from bert_classification.interpret.saliency import explain
from bert_classification.predictor import BertPredictor

WORSE = 3
"""The exit status where B is worse; 1 is that of a refusal."""


@Subcommand.register("compare")
class Compare(Subcommand):
    """`allennlp compare A B DATA... -d DIRECTORY`: see `evaluation.comparison`."""

    def add_subparser(self, parser: argparse._SubParsersAction) -> argparse.ArgumentParser:
        subparser = parser.add_parser(
            self.name,
            description="Compare two models on the same records: comparison.json, comparison.html "
            "and differences.jsonl.",
            help="Compare two models on the same records.",
        )
        add = subparser.add_argument
        what = "a model: its archive, or a checkpoint; or a predictions.jsonl of `allennlp report`"
        add("a", help=what)
        add("b", help="the other one, in the same ways")
        add("data", nargs="*", help="labelled data; none for two files of predictions")
        add("-d", "--directory", required=True, help="where to write")
        add("--metric", help="by which one is better (default: that of the task)")
        add(
            "--fail-if-worse",
            action="store_true",
            help=f"end with the exit status {WORSE} where B is worse by more than chance",
        )
        add("--explain", type=int, default=10, help="records to explain (default: %(default)s)")
        add("--seed", type=int, default=0, help="of the resamples (default: %(default)s)")
        add("--cuda-device", type=int, default=-1, help="id of GPU to use (if any)")
        subparser.set_defaults(func=compare_models)
        return subparser


def compare_models(args: argparse.Namespace) -> None:
    """Compares the models of a command line."""
    directory = Path(args.directory)
    names = (args.a, args.b)
    predictors = [_open(name, args) for name in names]
    _check_tasks(names, predictors)
    totals = [
        0 if predictor is None else check_data(lines_of(predictor), args.data)
        for predictor in predictors
    ]
    directory.mkdir(parents=True, exist_ok=True)
    paths = [directory / "a.jsonl", directory / "b.jsonl"]
    for place, (predictor, total) in enumerate(zip(predictors, totals)):
        if predictor is None:
            paths[place] = Path(names[place])
        else:
            write_predictions(lines_of(predictor), args.data, paths[place], total)
    pair = (paths[0], paths[1])
    comparison = compare(*pair, args.seed)
    metric = _metric(comparison, args.metric)
    explained = _explainer(predictors, args.explain)
    write_comparison(directory, comparison, pair, names, metric, explained)
    print(f"B is {worded(comparison, metric)}.")
    print(f"See {directory / 'comparison.html'}")
    if args.fail_if_worse and comparison.verdict(metric) == "worse":
        sys.exit(WORSE)


def _open(name: str, args: argparse.Namespace) -> Optional[BertPredictor]:
    if is_predictions(name):
        return None
    check_for_gpu(args.cuda_device)
    if not args.data:
        raise ConfigurationError(
            f"no data; give the files of labelled records on which {name} is to predict."
        )
    return predictor_of(open_archive(name, args.data[0], args.cuda_device), name)


def _check_tasks(names: Sequence[str], predictors: Sequence[Optional[BertPredictor]]) -> None:
    """Raises `ConfigurationError` for models of two tasks, before they run."""
    tasks = [
        next(read_predictions(name))[1]["task"]
        if predictor is None
        else task_of(predictor).removeprefix("bert_for_")
        for name, predictor in zip(names, predictors)
    ]
    if tasks[0] != tasks[1]:
        raise ConfigurationError(
            f"{names[0]} is of the task {tasks[0]}, and {names[1]} of {tasks[1]}; only models of "
            "one task are compared."
        )


def _metric(comparison: Comparison, wanted: Optional[str]) -> str:
    metric = wanted or comparison.a.main
    if metric not in comparison.differences:
        known = ", ".join(name for name in comparison.differences if "/" not in name)
        raise ConfigurationError(f"`--metric` is {metric!r}; expected one of {known}.")
    return metric


def _explainer(predictors: Sequence[Optional[BertPredictor]], most: int) -> Optional[Explained]:
    """Makes what explains a record by both models, where both are there and can be asked."""
    if None in predictors or most < 1:
        return None
    try:
        for predictor in predictors:
            check_studied(predictor)  # type: ignore[arg-type]
    except ConfigurationError:
        return None
    return limited(lambda line: _explain(predictors, line), most)


def _explain(predictors: Sequence[Any], line: JsonDict) -> list[tuple[str, Markup]]:
    shown = []
    for name, key, predictor in zip("AB", "ab", predictors):
        keys = [each for each in (*predictor.segment_keys, "tokens") if each in line]
        found = explain(predictor, {each: line[each] for each in keys})
        for text_key in dict.fromkeys(word["key"] for word in found["words"]):
            words = [word for word in found["words"] if word["key"] == text_key]
            if isinstance(line.get(text_key), str):
                told = f"{words_of(line[key]['prediction'])}{sure(line[key])}"
                shown.append((f"{name}: {told}", shaded(line[text_key], words)))
    return shown
