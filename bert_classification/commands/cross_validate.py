"""`allennlp cross-validate`: how good models of a config are on data that they have not seen."""

import argparse
import copy
import hashlib
import json
import logging
import math
import shutil
import time
from pathlib import Path
from typing import Any, Optional

from allennlp.commands import train
from allennlp.commands.subcommand import Subcommand
from allennlp.common import Params, Tqdm
from allennlp.common.checks import ConfigurationError
from allennlp.common.util import JsonDict, lazy_groups_of
from allennlp.data import DatasetReader
from allennlp.models.archival import load_archive
from allennlp.predictors import Predictor

from bert_classification.archives.checkpoints import has_whole_checkpoint
from bert_classification.archives.whole_files import replace_file
from bert_classification.commands.config_checks import with_config_checks
from bert_classification.commands.folds import (
    Data,
    Fold,
    check_labels,
    read_data,
    split,
    summarize,
)
from bert_classification.data.given import given_instances
from bert_classification.data.json_values import dump_json
from bert_classification.predictor import BertPredictor
from bert_classification.reader import BertReader

logger = logging.getLogger(__name__)

SETTINGS, FOLD, PREDICTIONS, METRICS = (
    "cross_validation.json",
    "fold.json",
    "out_of_fold.jsonl",
    "metrics.json",
)
SEEDS = {"random_seed": 13370, "numpy_seed": 1337, "pytorch_seed": 133}
"""AllenNLP's, where a config has none."""
AT_ONCE = 512


@Subcommand.register("cross-validate")
class CrossValidate(Subcommand):
    """`allennlp cross-validate CONFIG -s DIRECTORY`: see `cross_validate`."""

    def add_subparser(self, parser: argparse._SubParsersAction) -> argparse.ArgumentParser:
        subparser = parser.add_parser(
            self.name,
            description="Train a config on all folds of its training data but one, in turn, and "
            "predict that one; the same command goes on where it was interrupted.",
            help="Measure a config on each part of its data.",
        )
        add = subparser.add_argument
        add("config", help="a config, as for `allennlp train`")
        add("-s", "--serialization-dir", required=True, help="where to write; new, or of this run")
        add("--folds", type=int, default=5, help="(default: %(default)s)")
        by = subparser.add_mutually_exclusive_group()
        by.add_argument("--stratify", metavar="KEY", help="the same shares of its values in all")
        by.add_argument("--group", metavar="KEY", help="records of one value stay together")
        add("--seeds", type=int, default=1, help="trainings of each fold (default: %(default)s)")
        add("-o", "--overrides", default="", help="JSON, as for `allennlp train`")
        subparser.set_defaults(func=_cross_validate)
        return subparser


def _cross_validate(args: argparse.Namespace) -> None:
    config = Params.from_file(args.config, args.overrides).as_dict(quiet=True)
    run = (args.serialization_dir, args.folds, args.stratify, args.group, args.seeds)
    summary = cross_validate(config, *run)
    print(f"{'metric':24} {'mean':>8} {'deviation':>10}   95 % interval")
    for name, figures in summary["metrics"].items():
        low, high = figures["interval"]
        spread = f"{figures['mean']:8.4f} {figures['deviation']:10.4f}"
        print(f"{name:24} {spread}   {low:.4f} to {high:.4f}")


def cross_validate(
    config: dict[str, Any],
    directory: str,
    folds: int = 5,
    stratify: Optional[str] = None,
    group: Optional[str] = None,
    seeds: int = 1,
) -> JsonDict:
    """
    Trains and predicts all folds of the data at `train_data_path`; returns what `metrics.json` has.
    The validation data, where there are some, choose the best epoch as ever, and are in no fold.

    # Parameters

    config : `Dict[str, Any]`
    directory : `str`
        Gets a directory of training, with its archive, for each fold; `out_of_fold.jsonl`, each
        record as a model has predicted it that did not see it; and `metrics.json`. What is there
        already, of the same run, is not done again.
    folds, stratify, group :
        See `folds.split`.
    seeds : `int`, optional (default = `1`)
        How many times each fold is trained, from other random numbers.

    # Raises

    `ConfigurationError` for data that cannot be split so, labels that a fold has not seen, another
    task, and a directory of something else.
    """
    if folds < 2 or seeds < 1:
        raise ConfigurationError(
            f"`--folds` is {folds} and `--seeds` {seeds}; expected at least 2 folds and 1 seed."
        )
    with_config_checks(lambda _: None)(Params(copy.deepcopy(config)))
    reader = _make_reader(config)
    data = read_data(reader, config["train_data_path"])
    parts = split(data.records, folds, _seed(config, "random_seed"), stratify, group)
    labels, may_lack = _labels(data, reader)
    for message in check_labels(parts, data, labels, may_lack):
        logger.warning(message)
    settings = {"folds": folds, "stratify": stratify, "group": group, "seeds": seeds}
    place = Path(directory)
    _begin(place, {**settings, "config": config, "data": _digest(data)})
    given = _given_validation(config)
    done = []
    for seed in range(seeds):
        for number, fold in enumerate(Tqdm.tqdm(parts, desc=f"folds of seed {seed + 1}"), 1):
            inside = (
                place / f"fold_{number}" if seed == 0 else place / f"fold_{number}_seed_{seed + 1}"
            )
            done.append(_run_fold(config, inside, data, fold, number, seed, given))
    _collect(place, parts)
    return _summarize(place, done, settings)


def _make_reader(config: dict[str, Any]) -> BertReader:
    """Makes the reader; `ConfigurationError` where a record of the file is no record to predict."""
    if "distributed" in config:
        raise ConfigurationError(
            "`distributed`: cross-validation trains in one process; take it out."
        )
    name = config["dataset_reader"].get("type", "")
    task: Any = Predictor.by_name(name) if name in Predictor.list_available() else None
    if not getattr(task, "can_abstain", False):
        raise ConfigurationError(
            f"`dataset_reader.type` is {name!r}; cross-validation is for classification, next "
            "sentence prediction, multiple choice, token classification and question answering."
        )
    reader: Any = DatasetReader.from_params(Params(copy.deepcopy(config["dataset_reader"])))
    return reader


def _seed(config: dict[str, Any], key: str) -> int:
    value = config.get(key)
    return SEEDS[key] if value is None else value


def _labels(data: Data, reader: BertReader) -> tuple[list[list[Any]], bool]:
    """Lists the labels of each record, and tells whether a fold may lack some."""
    if hasattr(data.examples[0], "tags"):
        return [list(example.tags) for example in data.examples], bool(reader.label_names)
    # Numbers and the positions of choices are not learned one by one.
    named = isinstance(getattr(data.examples[0], "label", None), (str, list))
    if not named:
        return [[] for _ in data.examples], True
    several = isinstance(data.examples[0].label, list)
    labels = [list(each.label) if several else [each.label] for each in data.examples]
    return labels, several and bool(reader.label_names)


def _digest(data: Data) -> str:
    text = "\n".join(dump_json(record.values) for record in data.records)
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()


def _begin(directory: Path, settings: JsonDict) -> None:
    """Makes the directory, or finds it to be of the same run."""
    path = directory / SETTINGS
    if path.exists():
        before = json.loads(path.read_text(encoding="utf-8"))
        differing = [key for key in settings if before.get(key) != settings[key]]
        if differing:
            raise ConfigurationError(
                f"{directory} holds the cross-validation of another `{differing[0]}`; name another "
                "directory, or go on with what it began with."
            )
        return
    if directory.exists() and any(directory.iterdir()):
        raise ConfigurationError(f"{directory} is not empty, and holds no cross-validation.")
    directory.mkdir(parents=True, exist_ok=True)
    _write_json(path, settings)


def _write_json(path: Path, value: Any) -> None:
    with replace_file(path) as aside:
        Path(aside).write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")


def _given_validation(config: dict[str, Any]) -> dict[str, Any]:
    """Reads the validation data once for all folds."""
    path = config.get("validation_data_path")
    # A list is read anew for each fold.
    if not isinstance(path, str):
        return {}
    section = config.get("validation_dataset_reader") or config["dataset_reader"]
    reader: Any = DatasetReader.from_params(Params(copy.deepcopy(section)))
    return {path: list(Tqdm.tqdm(reader.read(path), desc="reading validation data"))}


def _run_fold(
    config: dict[str, Any],
    directory: Path,
    data: Data,
    fold: Fold,
    number: int,
    seed: int,
    given: dict[str, Any],
) -> JsonDict:
    """Trains and predicts a fold, or finds that it is done; gives its metrics."""
    if (directory / FOLD).exists():
        return json.loads((directory / FOLD).read_text(encoding="utf-8"))
    own = copy.deepcopy(config)
    own["train_data_path"] = f"{config['train_data_path']}, all folds but {number}"
    for key in ("test_data_path", "evaluate_on_test"):
        own.pop(key, None)
    own |= {key: _seed(config, key) + seed for key in SEEDS}
    goes_on = has_whole_checkpoint(directory)
    if not goes_on:
        shutil.rmtree(directory, ignore_errors=True)
    begin = time.monotonic()
    trained = [data.instances[index] for index in fold.train]
    with given_instances({**given, own["train_data_path"]: trained}):
        train.train_model(Params(own), str(directory), recover=goes_on)
    seconds = time.monotonic() - begin
    metrics = _predict(directory, data, fold, number)
    result = {"fold": number, "seed": seed + 1, "seconds": seconds, "metrics": metrics}
    _write_json(directory / FOLD, result)
    return result


def _predict(directory: Path, data: Data, fold: Fold, number: int) -> dict[str, float]:
    """Writes the predictions of the records that a fold was not trained on; gives its metrics."""
    predictor: Any = Predictor.from_archive(load_archive(directory / "model.tar.gz"))
    with (
        replace_file(directory / PREDICTIONS) as aside,
        open(aside, "w", encoding="utf-8") as file,
    ):
        for group in lazy_groups_of(Tqdm.tqdm(fold.held_out, desc="out of fold"), AT_ONCE):
            instances = [predictor.with_probs(data.instances[at].duplicate()) for at in group]
            for at, output in zip(group, predictor.predict_batch_instance(instances)):
                line = _line(predictor, data, at, output)
                file.write(dump_json({**line, "fold": number}) + "\n")
    metrics = predictor._model.get_metrics(reset=True)
    return {name: value for name, value in metrics.items() if isinstance(value, (int, float))}


def _line(predictor: BertPredictor, data: Data, at: int, output: JsonDict) -> JsonDict:
    """Makes the line of a record: where it stands, its texts, its gold, and what was predicted."""
    record, key = data.records[at], predictor.gold_key
    gold = _plain(getattr(data.examples[at], key), predictor)
    judged = predictor.judge({}, output)
    given = output["score"] if "score" in output and "answer" not in output else None
    prediction = predictor.answer(output) if given is None else given
    probabilities = _probabilities(predictor, output)
    sure = predictor.sureness(output) if given is None else None
    return {
        "id": record.values.get("id", at + 1),
        "file": record.file,
        "line": record.line,
        "task": type(predictor).__module__.split(".")[1],
        **{name: value for name, value in record.values.items() if name != key},
        "gold": gold,
        "prediction": output["tags"] if "tags" in output else prediction,
        "confidence": sure,
        "loss": _loss(gold, probabilities),
        **({} if probabilities is None else {"probabilities": probabilities}),
        **{name: judged[name] for name in ("tokens", "n_best", "label_set") if name in judged},
    }


def _plain(gold: Any, predictor: BertPredictor) -> Any:
    """Makes a gold value JSON: the name of a label, where it has one."""
    if isinstance(gold, int) and predictor.labels:
        return predictor.labels[gold]
    if isinstance(gold, (list, tuple)):
        return [each._asdict() if hasattr(each, "_asdict") else each for each in gold]
    return gold


def _probabilities(predictor: BertPredictor, output: JsonDict) -> Any:
    probs = output.get("probs")
    if probs is None or "tags" in output:
        return probs
    names = predictor.labels or [str(index) for index in range(len(probs))]
    return dict(zip(names, probs))


def _loss(gold: Any, probabilities: Any) -> Optional[float]:
    """Gives the negative logarithm of the probability of what is right."""
    if not isinstance(probabilities, dict):
        return None
    right = gold if isinstance(gold, list) else [str(gold)]
    several = isinstance(gold, list)
    chances = [
        prob if name in right else 1 - prob
        for name, prob in probabilities.items()
        if several or name in right
    ]
    return -sum(math.log(max(chance, 1e-38)) for chance in chances)


def _collect(directory: Path, parts: list[Fold]) -> None:
    """Puts the predictions of all folds into one file, in the order of the data."""
    lines: dict[int, str] = {}
    for number, fold in enumerate(parts, 1):
        with open(directory / f"fold_{number}" / PREDICTIONS, encoding="utf-8") as file:
            lines.update(zip(fold.held_out, file, strict=True))
    with (
        replace_file(directory / PREDICTIONS) as aside,
        open(aside, "w", encoding="utf-8") as output,
    ):
        output.writelines(lines[at] for at in sorted(lines))


def _summarize(directory: Path, done: list[JsonDict], settings: JsonDict) -> JsonDict:
    names = [name for name in done[0]["metrics"] if all(name in each["metrics"] for each in done)]
    metrics = {
        name: summarize([each["metrics"][name] for each in done], settings["folds"])
        for name in names
    }
    summary = {**settings, "seconds": sum(each["seconds"] for each in done), "metrics": metrics}
    _write_json(directory / METRICS, summary)
    return summary
