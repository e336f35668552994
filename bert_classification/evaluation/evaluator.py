"""`"evaluation": {"type": "bert_report"}`: a report wherever AllenNLP evaluates."""

import os
from pathlib import Path
from typing import Any, Optional, Union

import torch
from allennlp.common.checks import ConfigurationError
from allennlp.data import DataLoader
from allennlp.evaluation import Evaluator
from allennlp.evaluation.serializers.serializers import Serializer
from allennlp.models import Model
from allennlp.predictors import Predictor

from bert_classification.evaluation.pictures import check_pictures
from bert_classification.evaluation.predictions import check_data, write_predictions
from bert_classification.evaluation.report import Report, Settings, write_report
from bert_classification.evaluation.task_lines import lines_of
from bert_classification.evaluation.training_curves import read_epochs
from bert_classification.predictor import BertPredictor, check_count
from bert_classification.training.validation import MeanLossEvaluator


@Evaluator.register("bert_report")
class ReportEvaluator(MeanLossEvaluator):
    """
    What `allennlp evaluate` does, and a report as `allennlp report` writes it: in the directory
    `report-NAME`, by the name of the data, beside the file of the metrics, or where the command
    runs. After training `allennlp train` writes that of the validation data beside the archive.

    # Parameters

    slices : `List[str]`, optional
        Keys of the records by which the data are divided.
    top_errors : `int`, optional (default = `50`)
        The records of the highest loss on the page.
    seed : `int`, optional (default = `0`)
        Of the resamples.
    batch_serializer, cuda_device, postprocessor_fn_name :
        As AllenNLP's.
    """

    def __init__(
        self,
        slices: Optional[list[str]] = None,
        top_errors: int = 50,
        seed: int = 0,
        batch_serializer: Optional[Serializer] = None,
        cuda_device: Union[int, torch.device] = -1,
        postprocessor_fn_name: str = "make_output_human_readable",
    ) -> None:
        super().__init__(batch_serializer, cuda_device, postprocessor_fn_name)
        check_count("evaluation.top_errors", top_errors)
        check_pictures()
        self.settings = Settings(slices or (), top_errors, seed)

    def __call__(  # type: ignore[override]
        self,
        model: Model,
        data_loader: DataLoader,
        batch_weight_key: Optional[str] = None,
        metrics_output_file: Optional[Union[str, os.PathLike]] = None,
        predictions_output_file: Optional[Union[str, os.PathLike]] = None,
    ) -> dict[str, Any]:
        loader: Any = data_loader
        data = str(loader.data_path)
        predictor = Predictor.by_name(str(model.default_predictor))(model, loader.reader)
        metrics = super().__call__(
            model, data_loader, batch_weight_key, metrics_output_file, predictions_output_file
        )
        beside = Path(metrics_output_file).parent if metrics_output_file else Path()
        report_model(predictor, data, [data], beside / directory_name(data), self.settings)
        return metrics


def report_model(
    predictor: Predictor,
    title: str,
    data: list[str],
    directory: Path,
    settings: Settings,
    trained_in: str = "",
) -> Report:
    """
    Predicts labelled data and reports on them; bad data are refused before the model runs.

    # Parameters

    title : `str`
        Of the page.
    trained_in : `str`, optional
        The archive, or the directory, beside which the metrics of the epochs are.
    """
    if not isinstance(predictor, BertPredictor):
        raise ConfigurationError(
            f"{type(predictor).__name__} is no predictor of this package, for whose models reports "
            "are."
        )
    lines = lines_of(predictor)
    total = check_data(lines, data, settings.slices)
    directory.mkdir(parents=True, exist_ok=True)
    write_predictions(lines, data, directory / "predictions.jsonl", total)
    return write_report(directory, title, read_epochs(trained_in) if trained_in else (), settings)


def directory_name(data: str) -> str:
    """Names the directory of a report by its data."""
    return f"report-{Path(data).stem}"
