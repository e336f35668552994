"""`allennlp report`: what a model does on labelled data, as figures and as a page."""

import argparse
import copy
import inspect
import shutil
from functools import wraps
from pathlib import Path
from typing import Any, Callable

import torch
from allennlp.commands.subcommand import Subcommand
from allennlp.common import Params
from allennlp.common.checks import ConfigurationError, check_for_gpu
from allennlp.evaluation import Evaluator
from allennlp.models.archival import load_archive
from allennlp.predictors import Predictor

from bert_classification.archives.whole_files import replace_file
from bert_classification.commands.studied import MODEL_HELP, open_archive, predictor_of
from bert_classification.evaluation.evaluator import directory_name, report_model
from bert_classification.evaluation.pictures import check_pictures
from bert_classification.evaluation.predictions import check_slices, read_predictions
from bert_classification.evaluation.report import LENGTH, Report, Settings, write_report
from bert_classification.evaluation.terminal import print_scores
from bert_classification.predictor import check_count


@Subcommand.register("report")
class ReportCommand(Subcommand):
    """`allennlp report MODEL DATA... -d DIRECTORY`: see `evaluation.report`."""

    def add_subparser(self, parser: argparse._SubParsersAction) -> argparse.ArgumentParser:
        subparser = parser.add_parser(
            self.name,
            description="Write what a model does on labelled data: report.json, report.html with "
            "its pictures, predictions.jsonl and errors.jsonl.",
            help="Report what a model does on labelled data.",
        )
        add = subparser.add_argument
        add(
            "model", help=f"{MODEL_HELP}; or a predictions.jsonl, of which the report is made again"
        )
        add("data", nargs="*", help="labelled data, as the model's reader reads them")
        add("-d", "--directory", required=True, help="where to write")
        add(
            "--slices", default="", help="keys of the records, with commas, by which to divide them"
        )
        add("--top-errors", type=int, default=50, help="on the page (default: %(default)s)")
        add("--seed", type=int, default=0, help="of the resamples (default: %(default)s)")
        add("--cuda-device", type=int, default=-1, help="id of GPU to use (if any)")
        subparser.set_defaults(func=report_files)
        return subparser


def report_files(args: argparse.Namespace) -> None:
    """Reports on the files of a command line."""
    check_count("--top-errors", args.top_errors)
    check_pictures()
    keys = [key.strip() for key in args.slices.split(",") if key.strip()]
    settings = Settings(keys, args.top_errors, args.seed)
    directory = Path(args.directory)
    if is_predictions(args.model):
        if args.data:
            raise ConfigurationError(
                f"{args.model} holds predictions already; give no data beside them."
            )
        report = report_predictions(Path(args.model), directory, settings)
    else:
        check_for_gpu(args.cuda_device)
        if not args.data:
            raise ConfigurationError("no data; give the files of labelled records after the model.")
        archive = open_archive(args.model, args.data[0], args.cuda_device)
        predictor = predictor_of(archive, args.model)
        report = report_model(predictor, args.model, args.data, directory, settings, args.model)
    print_scores(f"{args.model}: {len(report.figures):,} records", report.found)
    print(f"See {directory / 'report.html'}")


def is_predictions(path: str) -> bool:
    """Tells whether a name is that of a file of predictions, and of no model."""
    return path.endswith(".jsonl")


def report_predictions(path: Path, directory: Path, settings: Settings) -> Report:
    """Reports on predictions that were written before, as those of a cross-validation."""
    keys = {LENGTH}
    for _, line in read_predictions(path):
        keys.update(line)
    check_slices(settings.slices, keys, [str(path)])
    directory.mkdir(parents=True, exist_ok=True)
    target = directory / "predictions.jsonl"
    if not (target.exists() and target.samefile(path)):
        with replace_file(target) as aside:
            shutil.copyfile(path, aside)
    return write_report(directory, str(path), settings=settings, source=path)


def with_reports(train_model: Callable[..., Any]) -> Callable[..., Any]:
    """
    Wraps AllenNLP's training: where the config says `"evaluation": {"type": "bert_report"}`, a
    report of the validation data is written at its end, and one of the test data where it is
    evaluated on these.
    """
    signature = inspect.signature(train_model)

    @wraps(train_model)
    def train(*args: Any, **kwargs: Any) -> Any:
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        # Training takes its keys out.
        config = copy.deepcopy(bound.arguments["params"].as_dict(quiet=True))
        section = config.get("evaluation") or {}
        wanted = isinstance(section, dict) and section.get("type") == "bert_report"
        # What is wrong with the section is said before training.
        evaluator = Evaluator.from_params(Params(dict(section))) if wanted else None
        trained = train_model(*args, **kwargs)
        archive = Path(bound.arguments["serialization_dir"], "model.tar.gz")
        if evaluator is not None and archive.exists() and not bound.arguments["node_rank"]:
            _report_training(archive, config, evaluator)
        return trained

    return train


def _report_training(archive: Path, config: dict[str, Any], evaluator: Any) -> None:
    keys = ("validation_data_path", *(["test_data_path"] if config.get("evaluate_on_test") else []))
    predictor = Predictor.from_archive(
        load_archive(archive, cuda_device=0 if torch.cuda.is_available() else -1)
    )
    for data in (config.get(key) for key in keys):
        if isinstance(data, str):
            directory = archive.parent / directory_name(data)
            name = str(archive)
            report_model(predictor, name, [data], directory, evaluator.settings, name)
