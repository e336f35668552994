"""`allennlp export-hf`: a trained model as a checkpoint that transformers opens."""

import argparse
import json
import logging
import os
import re
from pathlib import Path
from typing import Any, NamedTuple, Optional

import torch
from allennlp.commands.subcommand import Subcommand
from allennlp.common.checks import ConfigurationError
from allennlp.common.file_utils import cached_path
from allennlp.models import Model
from transformers import (
    AutoTokenizer,
    BertConfig,
    BertPreTrainedModel,
    EncoderDecoderConfig,
    EncoderDecoderModel,
    GenerationConfig,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)
from transformers.models.bert import modeling_bert

from bert_classification.archives.archived_bert import ArchivedBert, find_archived_bert
from bert_classification.archives.config import read_config
from bert_classification.archives.extraction import (
    InvalidArchiveError,
    explain_failure,
    prefix_errors,
)
from bert_classification.archives.fit import without_buffers
from bert_classification.archives.names import objects
from bert_classification.archives.seal import sealed
from bert_classification.archives.serialization import DECODER, saved_directory
from bert_classification.archives.weights import State
from bert_classification.bert.converted import find_archive
from bert_classification.bert.pooling import check_settings
from bert_classification.bert.sentence_transformers import read_kept, write_modules
from bert_classification.commands.model_card import model_card
from bert_classification.commands.onnx import check_onnx, write_onnx

logger = logging.getLogger(__name__)


@Subcommand.register("export-hf")
class ExportHf(Subcommand):
    """`allennlp export-hf ARCHIVE DIRECTORY`: weights, configuration, tokenizer and model card."""

    def add_subparser(self, parser: argparse._SubParsersAction) -> argparse.ArgumentParser:
        subparser = parser.add_parser(
            self.name,
            description="Write a trained model as a directory that transformers opens with its "
            "plain BertFor... class and AutoTokenizer.",
            help="Export a trained model to Hugging Face's layout.",
        )
        subparser.add_argument(
            "archive",
            help="the archive, or the serialization directory, of a trained model, or a "
            "checkpoint: its directory, or hf:NAME",
        )
        subparser.add_argument("directory", help="where to write; new, or empty")
        subparser.add_argument(
            "--onnx", action="store_true", help="write model.onnx for ONNX Runtime as well"
        )
        subparser.set_defaults(func=lambda args: export(args.archive, args.directory, args.onnx))
        return subparser


def export(archive: str, directory: str, onnx: bool = False) -> None:
    """
    Writes a directory for `from_pretrained`: config.json, with the names of the labels,
    model.safetensors, the tokenizer's files, README.md, and with `onnx` model.onnx. Neither the
    archive's model nor its reader is built: what its configuration asks for is not run. A model of
    vectors has the files of sentence-transformers beside them.

    # Raises

    `ConfigurationError` when `directory` has something in it, or when the archive is not of one of
    our models.
    """
    if onnx:
        check_onnx()
    if os.path.exists(directory) and (not os.path.isdir(directory) or os.listdir(directory)):
        raise ConfigurationError(f"{directory} is there already; name a new or empty directory.")
    archived = _find(archive)
    with prefix_errors(archive), sealed(str(archived.root)):
        contents = _read(archived)
    if onnx and isinstance(contents.head, EncoderDecoderModel):
        raise ConfigurationError(
            f"{archive} writes piece by piece, and --onnx writes models of one step; leave it out."
        )
    _write(contents, directory, _find_metrics(archived), onnx)
    _write_vectors(archived, contents, directory)
    name = type(contents.head).__name__
    logger.info("%s: %s with its tokenizer is in %s", archive, name, directory)


class _Contents(NamedTuple):
    """What of an archive is exported; `beside` is what `head` has no room for."""

    task: str
    head: PreTrainedModel
    beside: State
    tokenizer: PreTrainedTokenizerFast


def _read(archived: ArchivedBert) -> _Contents:
    weights = archived.read_weights()
    task = _find_task(archived)
    with explain_failure("its BERT"):
        head = _build_head(archived)
        # Settings that transformers reads and would not write.
        head.config.validate()
        beside = _load_weights(archived, head, weights)
        tokenizer = _load_tokenizer(archived, head.config)
    if head.can_generate():
        head.generation_config = GenerationConfig(
            bos_token_id=tokenizer.cls_token_id,
            eos_token_id=tokenizer.sep_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    if isinstance(head, EncoderDecoderModel):
        head.config.decoder_start_token_id = tokenizer.cls_token_id
        head.config.pad_token_id = tokenizer.pad_token_id
        head.generation_config.decoder_start_token_id = tokenizer.cls_token_id
    return _Contents(task, head, beside, tokenizer)


def _write(
    contents: _Contents, directory: str, metrics: Optional[dict[str, Any]], onnx: bool
) -> None:
    contents.tokenizer.save_pretrained(directory)
    contents.head.save_pretrained(directory)
    card = model_card(contents.head, contents.task, metrics, contents.beside, onnx)
    Path(directory, "README.md").write_text(card, encoding="utf-8")
    if onnx:
        write_onnx(contents.head, os.path.join(directory, "model.onnx"))


def _write_vectors(archived: ArchivedBert, contents: _Contents, directory: str) -> None:
    """Writes what sentence-transformers reads, of a model that says how it makes vectors."""
    settings = read_kept(archived.root)
    if settings is None:
        return
    check_settings(settings, contents.head.config)
    longest = contents.tokenizer.model_max_length
    for each in objects(read_config(archived.root).get("dataset_reader")):
        if type(each.get("max_pieces")) is int:
            longest = min(longest, each["max_pieces"])
    missing = write_modules(directory, settings, contents.head.config, longest)
    if missing:
        logger.warning(
            "sentence-transformers has no place for %s: %s is for transformers alone.",
            *(missing, directory),
        )
    if settings.dimensions:
        logger.warning(
            "Open it with SentenceTransformer(%r, truncate_dim=%d), which cuts vectors once they "
            "are normalized.",
            *(directory, settings.dimensions),
        )


def _find(archive: str) -> ArchivedBert:
    archived = find_archived_bert(str(cached_path(find_archive(archive))))
    if archived is None:
        raise ConfigurationError(
            f"{archive} has no vocabulary/.bert; it is not of a model of bert_classification."
        )
    return archived._replace(name=archive)


def _find_task(archived: ArchivedBert) -> str:
    """Finds the registered name of the model, which the card quotes."""
    model = read_config(archived.root)["model"]
    name = model if isinstance(model, str) else model["type"]
    if name not in Model.list_available():
        raise InvalidArchiveError(
            f"`model.type` is {str(name)[:100]!r}, which is no registered model."
        )
    return name


def _build_head(archived: ArchivedBert) -> PreTrainedModel:
    """Builds the model of transformers that ours was made of, with weights to be replaced."""
    config = BertConfig.from_pretrained(archived.configuration)
    decoder = saved_directory(DECODER, str(archived.root))
    if decoder is not None:
        halves = (config, BertConfig.from_pretrained(decoder))
        return EncoderDecoderModel(
            EncoderDecoderConfig.from_encoder_decoder_configs(*halves)
        ).eval()
    head_class = getattr(modeling_bert, (config.architectures or [""])[0], None)
    if not (isinstance(head_class, type) and issubclass(head_class, BertPreTrainedModel)):
        raise InvalidArchiveError(f"it names no head of BERT: {config.architectures}.")
    return head_class(config).eval()


def _load_tokenizer(archived: ArchivedBert, config: PreTrainedConfig) -> PreTrainedTokenizerFast:
    tokenizer = AutoTokenizer.from_pretrained(archived.tokenizer, trust_remote_code=False)
    # Without this a text may get more pieces than the model has positions.
    positions = getattr(config, "encoder", config).max_position_embeddings
    tokenizer.model_max_length = min(tokenizer.model_max_length, positions)
    return tokenizer


def _load_weights(archived: ArchivedBert, head: PreTrainedModel, weights: State) -> State:
    """Fills the head; returns what is in the archive beside its weights."""
    if isinstance(head, EncoderDecoderModel):
        weights = {re.sub(r"^bert\.", "encoder.", name): each for name, each in weights.items()}
        if "encoder.pooler.dense.weight" not in weights:
            head.encoder.pooler = None
    elif head.base_model is head:
        # A model without a head is the encoder itself, whose weights have no prefix.
        weights = {name.removeprefix("bert."): tensor for name, tensor in weights.items()}
        if "pooler.dense.weight" not in weights:
            head.pooler = None
    weights = without_buffers(head, weights)
    result = head.load_state_dict(weights, strict=False)
    if result.missing_keys:
        raise InvalidArchiveError(
            f"it lacks {len(result.missing_keys)} weights of {type(head).__name__}, such as "
            f"{result.missing_keys[0]}."
        )
    beside = {key: weights[key] for key in result.unexpected_keys}
    return _fold_temperature(head, beside)


def _fold_temperature(head: PreTrainedModel, beside: State) -> State:
    """Divides the final layer by the temperature of a calibrated model; returns what is left."""
    temperature = beside.pop("calibration.temperature", None)
    beside.pop("calibration.least_in_set", None)
    if temperature is not None:
        names = ("classifier", "qa_outputs", "cls.seq_relationship")
        final = next(head.get_submodule(name) for name in names if _has(head, name))
        with torch.no_grad():
            for parameter in final.parameters():
                parameter.div_(temperature)
    return beside


def _has(head: PreTrainedModel, name: str) -> bool:
    return any(known == name for known, _ in head.named_modules())


def _find_metrics(archived: ArchivedBert) -> Optional[dict[str, Any]]:
    """Reads the metrics of the training, where the archive still lies in its directory."""
    name = Path(archived.name)
    directory = name if name.is_dir() else name.parent
    metrics, config = directory / "metrics.json", directory / "config.json"
    if not metrics.is_file() or not config.is_file():
        return None
    if config.read_bytes() != (archived.root / "config.json").read_bytes():
        return None
    return json.loads(metrics.read_text(encoding="utf-8"))
