"""`allennlp export-hf`: a trained model as a checkpoint that transformers opens."""

import argparse
import json
import logging
import os
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Iterator, Mapping, Optional

import torch
from allennlp.commands.subcommand import Subcommand
from allennlp.common.checks import ConfigurationError
from allennlp.common.file_utils import cached_path
from allennlp.models.archival import extracted_archive
from transformers import (
    AutoTokenizer,
    BertConfig,
    BertPreTrainedModel,
    GenerationConfig,
    PreTrainedTokenizerFast,
)
from transformers.models.bert import modeling_bert

from bert_classification import archives
from bert_classification.model_card import model_card
from bert_classification.onnx_file import check_onnx, write_onnx
from bert_classification.weights import find_weights, read_weights

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
            "archive", help="the archive, or the serialization directory, of a trained model"
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
    archive's model nor its reader is built: what its configuration asks for is not run.

    # Raises

    `ConfigurationError` when `directory` has something in it, or when the archive is not of one of
    our models.
    """
    if onnx:
        check_onnx()
    if os.path.exists(directory) and (not os.path.isdir(directory) or os.listdir(directory)):
        raise ConfigurationError(f"{directory} is there already; name a new or empty directory.")
    with _opened(archive) as opened:
        head = _head(archive, opened)
        weights = read_weights(find_weights(Path(opened)))
        beside = _load_weights(archive, head, weights)
        tokenizer = _tokenizer(archive, opened, head.config)
        settings = json.loads(Path(opened, "config.json").read_text(encoding="utf-8"))
        metrics = _metrics(archive, opened)
    if head.can_generate():
        head.generation_config = GenerationConfig(
            bos_token_id=tokenizer.cls_token_id,
            eos_token_id=tokenizer.sep_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    tokenizer.save_pretrained(directory)
    head.save_pretrained(directory)
    card = model_card(head, settings["model"]["type"], metrics, beside, onnx)
    Path(directory, "README.md").write_text(card, encoding="utf-8")
    if onnx:
        write_onnx(head, os.path.join(directory, "model.onnx"))
    logger.info("%s: %s with its tokenizer is in %s", archive, type(head).__name__, directory)


@contextmanager
def _opened(archive: str) -> Iterator[str]:
    """The directory of a model; of an archive a temporary one."""
    path = cached_path(archive)
    if os.path.isdir(path):
        yield str(path)
        return
    with extracted_archive(path) as directory:
        yield directory


def _head(archive: str, opened: str) -> BertPreTrainedModel:
    """The model of transformers that ours was made of, with weights to be replaced."""
    config = BertConfig.from_pretrained(_part(archive, archives.MODEL, opened))
    head_class = getattr(modeling_bert, (config.architectures or [""])[0], None)
    if not (isinstance(head_class, type) and issubclass(head_class, BertPreTrainedModel)):
        raise ConfigurationError(f"{archive} names no head of BERT: {config.architectures}.")
    return head_class(config).eval()


def _tokenizer(archive: str, opened: str, config: BertConfig) -> PreTrainedTokenizerFast:
    directory = _part(archive, archives.TOKENIZER, opened)
    tokenizer = AutoTokenizer.from_pretrained(directory, trust_remote_code=False)
    # Without this a text may get more pieces than the model has positions.
    tokenizer.model_max_length = min(tokenizer.model_max_length, config.max_position_embeddings)
    return tokenizer


def _part(archive: str, part: str, opened: str) -> str:
    directory = archives.saved(part, opened)
    if directory is None:
        raise ConfigurationError(
            f"{archive} has no vocabulary/.bert/{part}; it is not of a model of "
            "bert_classification."
        )
    return directory


def _load_weights(
    archive: str, head: BertPreTrainedModel, weights: Mapping[str, torch.Tensor]
) -> dict[str, torch.Tensor]:
    """Fills the head; what is in the archive beside its weights is returned."""
    result = head.load_state_dict(weights, strict=False)
    if result.missing_keys:
        raise ConfigurationError(
            f"{archive} lacks {len(result.missing_keys)} weights of {type(head).__name__}, such as "
            f"{result.missing_keys[0]}."
        )
    return {key: weights[key] for key in result.unexpected_keys}


def _metrics(archive: str, opened: str) -> Optional[dict[str, Any]]:
    """The metrics of the training, where the archive still lies in its directory."""
    directory = Path(archive) if os.path.isdir(archive) else Path(archive).parent
    metrics, config = directory / "metrics.json", directory / "config.json"
    if not metrics.is_file() or not config.is_file():
        return None
    if config.read_bytes() != Path(opened, "config.json").read_bytes():
        return None
    return json.loads(metrics.read_text(encoding="utf-8"))
