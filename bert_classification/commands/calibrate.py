"""`allennlp calibrate`: an archive whose probabilities mean what they say."""

import argparse
import json
import logging
import shutil
import tempfile
from pathlib import Path
from typing import Any, Optional

import numpy
import torch
from allennlp.commands.subcommand import Subcommand
from allennlp.common import Tqdm
from allennlp.common.checks import ConfigurationError, check_for_gpu
from allennlp.common.file_utils import cached_path
from allennlp.common.util import lazy_groups_of
from allennlp.data import Batch, DatasetReader, Instance
from allennlp.models import Model
from allennlp.models.archival import CONFIG_NAME, load_archive
from allennlp.nn.util import move_to_device

from bert_classification.archives import weights
from bert_classification.archives.archiving import check_new_file, write_tar
from bert_classification.archives.config import read_config
from bert_classification.archives.extraction import extract, prefix_errors
from bert_classification.archives.fit import rename_weights
from bert_classification.archives.serialization import MODEL_PARAMS
from bert_classification.bert.converted import find_archive
from bert_classification.commands.config_keys import parameters_of
from bert_classification.commands.studied import MODEL_HELP
from bert_classification.data.batch_sampler import token_batches
from bert_classification.data.text_field import num_word_pieces
from bert_classification.predictor import TOKEN_BUDGET
from bert_classification.training.calibration import TEMPERATURE
from bert_classification.training.calibration_scores import (
    AnyRight,
    OneRight,
    SomeRight,
    calibration_scores,
    confidence_for_accuracy,
    confidence_for_coverage,
)

logger = logging.getLogger(__name__)

THRESHOLDS = "objective.thresholds"
PARTS = ("config.json", "meta.json", "vocabulary")
AT_ONCE = 512


@Subcommand.register("calibrate")
class Calibrate(Subcommand):
    """`allennlp calibrate MODEL DEV OUT.tar.gz`: see `calibrate`."""

    def add_subparser(self, parser: argparse._SubParsersAction) -> argparse.ArgumentParser:
        subparser = parser.add_parser(
            self.name,
            description="Write an archive that differs from another one in its probabilities: a "
            "temperature, fitted on labelled data, makes them mean what they say.",
            help="Make the probabilities of a model mean what they say.",
        )
        add = subparser.add_argument
        add("model", help=MODEL_HELP)
        add("data", help="labelled data that it was not trained on, as its reader reads them")
        add("output_file", help="the new archive")
        answered = subparser.add_mutually_exclusive_group()
        answered.add_argument(
            "--target-accuracy",
            type=float,
            metavar="SHARE",
            help="abstain so that this share of the answers is right",
        )
        answered.add_argument(
            "--coverage",
            type=float,
            metavar="SHARE",
            help="abstain so that this share of the records is answered",
        )
        add(
            "--conformal",
            type=float,
            metavar="SHARE",
            help="give the labels that hold the right one of this share of the records",
        )
        add("--cuda-device", type=int, default=-1, help="id of GPU to use (if any)")
        subparser.set_defaults(func=_calibrate)
        return subparser


def _calibrate(args: argparse.Namespace) -> None:
    report = calibrate(
        args.model,
        args.data,
        args.output_file,
        args.target_accuracy,
        args.coverage,
        args.conformal,
        args.cuda_device,
    )
    print(json.dumps(report, indent=2))


def calibrate(
    model: str,
    data: str,
    output_file: str,
    target_accuracy: Optional[float] = None,
    coverage: Optional[float] = None,
    conformal: Optional[float] = None,
    cuda_device: int = -1,
) -> dict[str, Any]:
    """
    Writes a calibrated archive, and tells what was fitted and what it changes, on these data.

    # Parameters

    model : `str`
        An archive, a directory of training, or a checkpoint.
    data : `str`
        Labelled data, which the training has not seen.
    output_file : `str`
        The new archive.
    target_accuracy, coverage : `float`, optional
        Abstain so that this share of the answers is right, or of the records is answered.
    conformal : `float`, optional
        Give sets of labels that hold the right one of this share of the records.

    # Raises

    `ConfigurationError` for shares that are none, a task without probabilities, data that are
    unlabelled or of one label alone, and a model that makes no mistake on them.
    """
    shares = {
        "--target-accuracy": target_accuracy,
        "--coverage": coverage,
        "--conformal": conformal,
    }
    for option, share in shares.items():
        if share is not None and not 0 < share < 1:
            raise ConfigurationError(f"`{option}` is {share:g}; expected a share between 0 and 1.")
    check_new_file(output_file)
    check_for_gpu(cuda_device)
    settings = {} if conformal is None else {"conformal": conformal}
    with tempfile.TemporaryDirectory() as temporary:
        directory = Path(temporary)
        _take_apart(model, directory)
        _check_task(model, directory)
        loaded = load_archive(
            directory, cuda_device, {"model.calibration": settings or TEMPERATURE}
        )
        predictions = _predict(loaded.model, loaded.validation_dataset_reader, data)
        report = _fit(loaded.model, predictions, target_accuracy, coverage)
        if "abstain_below" in report:
            settings["abstain_below"] = report["abstain_below"]
        _put_back(loaded.model, directory, settings)
        write_tar(directory, Path(output_file))
    logger.info("The calibrated model is in %s", output_file)
    return report


def _take_apart(model: str, directory: Path) -> None:
    """Puts what an archive has, and no more, into a directory."""
    found = Path(cached_path(find_archive(model)))
    with prefix_errors(model):
        if not found.is_dir():
            extract(found, directory)
            return
        for part in PARTS:
            if (found / part).is_dir():
                shutil.copytree(found / part, directory / part)
            elif (found / part).exists():
                shutil.copy(found / part, directory)
        written = weights.find_weights(found)
        safe = written.suffix == ".safetensors"
        shutil.copy(written, directory / weights.ARCHIVED_NAMES[0 if safe else 1])


def _check_task(model: str, directory: Path) -> None:
    with prefix_errors(model):
        section = read_config(directory)["model"]
    name = section if isinstance(section, str) else str(section["type"])
    if "calibration" not in parameters_of(Model, name):
        raise ConfigurationError(
            f"{model}: a `{name}` gives no probability of an answer that could be calibrated."
        )
    if isinstance(section, dict) and section.get("problem_type") == "regression":
        raise ConfigurationError(f"{model}: the score of a regression is no probability.")


def _predict(model: Any, reader: DatasetReader, data: str) -> OneRight | AnyRight | SomeRight:
    """Runs the model over the data, once they are known to be fit for it."""
    instances = []
    for instance in Tqdm.tqdm(reader.read(data), desc="reading"):
        reader.apply_token_indexers(instance)
        instance.index_fields(model.vocab)
        instances.append(instance)
    _check_labels(instances, data)
    model.eval()
    device = next(model.parameters()).device
    bar = Tqdm.tqdm(total=len(instances), desc="predicting")
    for group in lazy_groups_of(instances, AT_ONCE):
        lengths = [num_word_pieces(instance) for instance in group]
        for indices in token_batches(lengths, TOKEN_BUDGET):
            tensors = Batch([group[index] for index in indices]).as_tensor_dict()
            with torch.inference_mode():
                model(**move_to_device(tensors, device))
            bar.update(len(indices))
    bar.close()
    predictions = model.calibration.take_predictions()
    model.get_metrics(reset=True)
    if predictions is None:
        raise ConfigurationError(f"{data}: the model finds no entity in it; nothing can be fitted.")
    return predictions


def _check_labels(instances: list[Instance], data: str) -> None:
    """Raises `ConfigurationError` for no data, and for labels that are all the same."""
    if not instances:
        raise ConfigurationError(f"{data}: there is no record in it.")
    # An answer, or the position of a choice, is another one for each record.
    labels = {_label(instance) for instance in instances}
    if "label" in instances[0].fields and "choices" not in instances[0].fields:
        if len(labels) == 1:
            raise ConfigurationError(
                f"{data}: all {len(instances)} records have the same label; expected at least two "
                "different ones."
            )


def _label(instance: Instance) -> Any:
    field: Any = instance.fields.get("label")
    value = getattr(field, "label", None)
    return str(getattr(field, "labels", None)) if value is None else value


def _fit(
    model: Any,
    predictions: OneRight | AnyRight | SomeRight,
    target_accuracy: Optional[float],
    coverage: Optional[float],
) -> dict[str, Any]:
    calibration = model.calibration
    before = calibration_scores(predictions, float(calibration.temperature))
    calibration.fit(predictions)
    temperature = float(calibration.temperature)
    confidences, correct = predictions.confidences(temperature), predictions.correct
    report: dict[str, Any] = {
        "temperature": temperature,
        "predictions": len(correct),
        "accuracy": float(correct.mean()),
        "before": before,
        "after": calibration_scores(predictions, temperature),
    }
    below = None
    if target_accuracy is not None:
        below = confidence_for_accuracy(confidences, correct, target_accuracy)
    elif coverage is not None:
        below = confidence_for_coverage(confidences, coverage)
    if below is not None:
        # A confidence in 32 bits is not below the one that it was chosen by.
        answered = confidences >= below
        report["abstain_below"] = float(numpy.float32(below)) - 1e-6
        report["answered"] = float(answered.mean())
        report["accuracy_of_answered"] = float(correct[answered].mean())
    if calibration.conformal is not None:
        report["least_in_set"] = float(calibration.least_in_set)
    return report


def _put_back(model: Any, directory: Path, settings: dict[str, Any]) -> None:
    """Writes the settings and what was fitted; nothing else of the archive changes."""
    _write_settings(directory, settings or TEMPERATURE)
    written = weights.find_weights(directory)
    state, own = rename_weights(model, weights.read_weights(written)), model.state_dict()
    fitted = [name for name in own if name.startswith("calibration.") or name == THRESHOLDS]
    state |= {name: own[name].cpu() for name in fitted}
    if written.suffix == ".safetensors":
        weights.write_safetensors(state, written)
    else:
        torch.save(state, written)


def _write_settings(directory: Path, calibration: Any) -> None:
    path = directory / CONFIG_NAME
    # What was trained on from an archive has that one's settings of the model.
    kept = directory / "vocabulary" / ".bert" / MODEL_PARAMS / "params.json"
    if kept.exists():
        params = json.loads(kept.read_text(encoding="utf-8"))
        params["calibration"] = calibration
        kept.write_text(json.dumps(params), encoding="utf-8")
        return
    config = json.loads(path.read_text(encoding="utf-8"))
    section = config["model"]
    section = {"type": section} if isinstance(section, str) else section
    config["model"] = {**section, "calibration": calibration}
    path.write_text(json.dumps(config, indent=2), encoding="utf-8")
