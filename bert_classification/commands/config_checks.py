"""
What AllenNLP's commands can know from a config alone they say before anything is read: old keys,
embedders that do not take what an indexer makes, GPUs that are not there. And what training reads
beside the data is put into the config, which the archive keeps: an archive names no files.
"""

import inspect
from functools import wraps
from typing import Any, Callable, Iterator, Mapping

import torch
from allennlp.common import Params
from allennlp.common.checks import ConfigurationError
from allennlp.data import DatasetReader
from allennlp.modules import TokenEmbedder

from bert_classification.archives.names import objects
from bert_classification.bert.token_embedder import check_level
from bert_classification.commands.config_keys import check_keys
from bert_classification.commands.old_configs import Config, check_style
from bert_classification.data.files import read_lines
from bert_classification.data.json_values import describe
from bert_classification.reader import BertReader

OBJECTS = (
    "data_loader",
    "dataset_reader",
    "trainer",
    "validation_data_loader",
    "validation_dataset_reader",
    "vocabulary",
)
"""Sections that AllenNLP takes for objects without a look."""


def with_config_checks(function: Callable[..., Any], trains: bool = True) -> Callable[..., Any]:
    """Wraps a function of AllenNLP's that takes a config first into the checks of it."""

    @wraps(function)
    def run(params: Params, *args: Any, **kwargs: Any) -> Any:
        config = params.as_dict(quiet=True)
        check_style(config)
        check_sections(config, trains)
        check_keys(config)
        check_embedders(config)
        if trains:
            check_devices(config.get("trainer") or {}, torch.cuda.device_count())
            check_calibration(config)
        for section in ("dataset_reader", "validation_dataset_reader"):
            if isinstance(config.get(section), dict):
                read_label_names(params[section])
        return function(params, *args, **kwargs)

    return run


def check_embedders(config: Config) -> None:
    """
    Raises `ConfigurationError` for an embedder that does not take what the indexer
    `bert-pretrained` makes, as `pretrained_transformer` does not, and ours only with a mask of what
    it makes vectors of.
    """
    reader = config.get("dataset_reader")
    indexers = reader.get("token_indexers") if isinstance(reader, Mapping) else None
    for name, indexer in indexers.items() if isinstance(indexers, Mapping) else ():
        if not isinstance(indexer, Mapping) or indexer.get("type") != "bert-pretrained":
            continue
        for embedder in _embedders_of(config.get("model"), name):
            if not _takes_word_pieces(embedder["type"]):
                raise ConfigurationError(
                    f"`dataset_reader.token_indexers.{name}` is of type `bert-pretrained`, whose "
                    f"word pieces the embedder of `{name}` in `model.text_field_embedder`, of type "
                    f"`{embedder['type']}`, does not take. Let that be of type `bert-pretrained` "
                    "as well; or `model.type` one of ours, such as `bert_for_classification`; or "
                    "the indexer of the embedder's type, in a reader of AllenNLP's."
                )
            if embedder["type"] == "bert-pretrained":
                mode = str(embedder.get("sub_token_mode", "average"))
                check_level(mode, bool(indexer.get("token_mask", False)))


def _embedders_of(model: Any, name: str) -> Iterator[Mapping[str, Any]]:
    """Yields the embedders of an indexer."""
    for each in objects(model):
        embedder = each.get("text_field_embedder")
        inner = embedder.get("token_embedders", embedder) if isinstance(embedder, Mapping) else {}
        found = inner.get(name) if isinstance(inner, Mapping) else None
        if isinstance(found, Mapping) and isinstance(found.get("type"), str):
            yield found


def _takes_word_pieces(embedder: str) -> bool:
    if embedder not in TokenEmbedder.list_available():
        return True
    embedder_class: Any = TokenEmbedder.by_name(embedder)
    parameters = inspect.signature(embedder_class.forward).parameters.values()
    return any(each.name == "input_ids" or each.kind is each.VAR_KEYWORD for each in parameters)


def check_sections(config: Config, trains: bool) -> None:
    """Raises `ConfigurationError` where something else stands in the place of an object."""
    for section in OBJECTS:
        value = config.get(section)
        if not isinstance(value, (dict, type(None))):
            raise ConfigurationError(f"`{section}`: expected an object, got {describe(value)}.")
    if trains and "type" not in config and config.get("trainer") is None:
        raise ConfigurationError("The config has no `trainer`, and training needs one.")


def check_calibration(config: Config) -> None:
    """Raises `ConfigurationError` for a temperature without data to fit it on."""
    model = config.get("model")
    asked = isinstance(model, Mapping) and model.get("calibration") is not None
    if asked and not config.get("validation_data_path"):
        raise ConfigurationError(
            "`model.calibration` is fitted on the validation data, and `validation_data_path` is "
            "missing; name them, or calibrate the archive later (`allennlp calibrate`)."
        )


def read_label_names(reader: Params) -> None:
    """Puts the labels in the place of the file that one of our readers is to read them from."""
    name, file = reader.get("type", None), reader.get("label_names", None)
    if not isinstance(file, str) or name not in DatasetReader.list_available():
        return
    reader_class: Any = DatasetReader.by_name(name)
    if isinstance(reader_class, type) and issubclass(reader_class, BertReader):
        names = [line.strip() for _, line in read_lines(file) if line.strip()]
        reader["label_names"] = names


def check_devices(trainer: Config, gpus: int) -> None:
    """Raises `ConfigurationError` for a GPU that is not there, or half precision without one."""
    device = trainer.get("cuda_device")
    if isinstance(device, int) and device >= gpus:
        raise ConfigurationError(
            f"`trainer.cuda_device` is {device}, but PyTorch sees {gpus} GPUs here, counted from "
            "0. Take it out: training is on a GPU where there is one."
        )
    if trainer.get("use_amp") and (gpus == 0 or device == -1):
        raise ConfigurationError(
            "`trainer.use_amp` is true, and half precision needs a GPU: "
            + ("PyTorch sees none here." if gpus == 0 else "`trainer.cuda_device` is -1.")
            + " Take `use_amp` out."
        )
