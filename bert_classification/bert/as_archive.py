"""A published checkpoint as the contents of an archive of ours, without training."""

import copy
import json
import tempfile
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Mapping, NamedTuple, Optional, Sequence, Union

from allennlp.common import Params
from allennlp.common.checks import ConfigurationError
from allennlp.common.meta import META_NAME, Meta
from allennlp.common.params import with_overrides
from allennlp.data import DatasetReader, Vocabulary
from allennlp.models import Model
from allennlp.models.archival import _WEIGHTS_NAME, CONFIG_NAME
from transformers import BertConfig

from bert_classification.archives.extraction import naming, prefix_errors
from bert_classification.archives.named_checkpoint import parse
from bert_classification.archives.names import objects
from bert_classification.archives.seal import sealed
from bert_classification.archives.serialization import TOKENIZER, saved_directory
from bert_classification.archives.whole_files import save_whole
from bert_classification.bert.checkpoint import load_tokenizer
from bert_classification.bert.config import explain_errors, read_config
from bert_classification.bert.halves import stage_halves
from bert_classification.bert.heads import HeadSettings, find_task, tasks
from bert_classification.bert.labels import (
    check_label_names,
    check_number_of_labels,
    label_settings,
)
from bert_classification.bert.pretrained import whole_checkpoints
from bert_classification.bert.staged import CONFIG, WEIGHTS, read_object, stage


class Wishes(NamedTuple):
    """
    What a user wants otherwise than the checkpoint says.

    task : `str`, optional
        See `find_task`.
    labels : `Sequence[str]`, optional
        The names of its outputs, in their order.
    reader : `Mapping[str, Any]`
        Keys of `dataset_reader`; another `type` there makes the instances instead of the task's.
    overrides : `Union[str, dict]`
        Of the whole config, as the commands of AllenNLP take them.
    """

    task: Optional[str] = None
    labels: Optional[Sequence[str]] = None
    reader: Mapping[str, Any] = {}
    overrides: Union[str, dict[str, Any]] = ""


def write_contents(
    directory: Path, name: str, output: Path, wishes: Wishes = Wishes(), source: str = ""
) -> str:
    """
    Writes into an empty directory what training would have left there: config, vocabulary,
    tokenizer and weights in float32.

    # Parameters

    directory : `Path`
        Where the files of the checkpoint are.
    name : `str`
        What the user calls it, for messages.
    source : `str`, optional
        What the config calls it, for a training that begins with it.

    # Returns

    The registered name of the task that it was taken for.

    # Raises

    `ConfigurationError`, in one sentence, for what is no whole checkpoint of a task.
    """
    # As part of a message it is to be found again.
    directory = directory.absolute()
    with (
        tempfile.TemporaryDirectory() as staged,
        prefix_errors(name, "converted"),
        _naming(name, str(directory), staged),
        sealed(),
    ):
        config = read_config(str(directory))
        # It names code; what is run is known by `model_type`.
        config.__dict__.pop("auto_map", None)
        task = find_task(name, config.architectures, wishes.task)
        head = _head_settings(directory, name, config, task, wishes.labels)
        stage(directory, Path(staged), config)
        stage_halves(directory, Path(staged))
        written = _config(task, source or name, head, _indexer(staged, config), wishes)
        _write(Path(staged), output, written, head.labels)
    return task


def _naming(name: str, directory: str, staged: str) -> AbstractContextManager[None]:
    """Lets an error name the checkpoint and its files, wherever they are laid out."""
    tokenizer = str(Path(staged, "vocabulary", ".bert", TOKENIZER))
    weights = {ours: theirs for theirs, ours in WEIGHTS.items()}
    return naming({tokenizer: name, staged: name, directory: name, **weights})


def _head_settings(
    directory: Path, name: str, config: BertConfig, task: str, labels: Optional[Sequence[str]]
) -> HeadSettings:
    model = tasks()[task]
    if not hasattr(model, "head_settings"):
        if labels is not None:
            raise ConfigurationError(f"`--labels` has no meaning for {task}, which has no labels.")
        return HeadSettings()
    settings = read_object(directory / CONFIG)
    if labels is None:
        check_label_names(name, settings)
    else:
        check_number_of_labels(name, settings, labels)
        for key, value in label_settings(labels).items():
            setattr(config, key, value)
    return model.head_settings(name, config)


def _indexer(staged: str, config: BertConfig) -> dict[str, Any]:
    """Makes the config of the token indexer; a tokenizer may take less than BERT has positions."""
    tokenizer = load_tokenizer(str(saved_directory(TOKENIZER, staged)))
    longest = tokenizer.model_max_length
    length = {"max_pieces": longest} if longest < config.max_position_embeddings else {}
    return {"type": "bert-pretrained", **length}


def _config(
    task: str, source: str, head: HeadSettings, indexer: dict[str, Any], wishes: Wishes
) -> dict[str, Any]:
    of_task = head.settings if wishes.reader.get("type", task) == task else {}
    config = {
        "dataset_reader": {
            "type": task,
            "token_indexers": {"bert": {**indexer, "pretrained_model": source}},
            **of_task,
            **wishes.reader,
        },
        "model": {"type": task, "bert_model": source, **head.settings},
        "data_loader": {"batch_size": 32},
    }
    overrides = parse(wishes.overrides)
    return with_overrides(config, overrides) if overrides else config


def _write(staged: Path, output: Path, config: dict[str, Any], labels: Sequence[str]) -> None:
    directory = str(output)
    vocab = Vocabulary()
    for label in labels:
        vocab.add_token_to_namespace(label, "labels")
    (output / CONFIG_NAME).write_text(json.dumps(config, indent=2), encoding="utf-8")
    built = Params(_with_checkpoint(config, str(staged)))
    with whole_checkpoints(), explain_errors("What the config says cannot be built"):
        # Both leave there what an archive carries of BERT.
        DatasetReader.from_params(built.pop("dataset_reader"), serialization_dir=directory)
        model = Model.from_params(built.pop("model"), vocab=vocab, serialization_dir=directory)
    with explain_errors(f"{output} cannot be written"):
        save_whole(model.state_dict(), output / _WEIGHTS_NAME)
        vocab.save_to_files(str(output / "vocabulary"))
        Meta.new().to_file(output / META_NAME)


def _with_checkpoint(config: dict[str, Any], staged: str) -> dict[str, Any]:
    """Copies a config in which the checkpoint has the name of where its files are laid out."""
    config = copy.deepcopy(config)
    for each in objects(config):
        for key in {"bert_model", "pretrained_model"} & each.keys():
            each[key] = staged
    return config
