"""`allennlp convert`: an archive of AllenNLP 0.9 as one that this version opens."""

import argparse
import json
import logging
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any, Optional

import torch
from allennlp.commands.subcommand import Subcommand
from allennlp.common.checks import ConfigurationError
from allennlp.common.file_utils import cached_path
from allennlp.common.meta import META_NAME, Meta
from allennlp.models.archival import CONFIG_NAME, load_archive
from transformers import BertConfig, BertForSequenceClassification

from bert_classification.archives import fit, old_archives, serialization, weights
from bert_classification.archives.archiving import check_new_file, write_tar
from bert_classification.archives.config import read_config
from bert_classification.archives.extraction import (
    InvalidArchiveError,
    explain_failure,
    extract,
    prefix_errors,
)
from bert_classification.archives.named_checkpoint import is_cached
from bert_classification.archives.names import GIVE_BERT, describe_missing, is_hub_name
from bert_classification.archives.sizes import check_contents
from bert_classification.archives.weights import State
from bert_classification.archives.whole_files import save_whole
from bert_classification.bert.checkpoint import Checkpoint, resolve_checkpoint
from bert_classification.bert.config import explain_errors
from bert_classification.bert.word_pieces import WordPieceTokenizer
from bert_classification.commands import old_classifier, old_readers

logger = logging.getLogger(__name__)

WEIGHTS, VOCABULARY = "weights.th", "vocabulary"


@Subcommand.register("convert")
class Convert(Subcommand):
    """`allennlp convert OLD.tar.gz NEW.tar.gz [--bert CHECKPOINT]`: see `convert`."""

    def add_subparser(self, parser: argparse._SubParsersAction) -> argparse.ArgumentParser:
        description = (
            "Make an archive of this version of one of AllenNLP 0.9, with the same "
            "predictions: of a `bert_for_classification`. Texts in which [SEP] or [PAD] stand as "
            "words, which AllenNLP 0.9 took for the special pieces, may be predicted otherwise."
        )
        subparser = parser.add_parser(
            self.name, description=description, help="Convert an archive of AllenNLP 0.9."
        )
        subparser.add_argument("archive_file", metavar="OLD", help="the old archive")
        subparser.add_argument("output_file", metavar="NEW", help="the new archive; a new file")
        subparser.add_argument(
            "--bert",
            metavar="CHECKPOINT",
            help="the BERT that it was trained from, a directory or a name on the model hub: its "
            "word pieces and its configuration (default: the one that the archive names)",
        )
        subparser.set_defaults(
            func=lambda args: convert(args.archive_file, args.output_file, args.bert)
        )
        return subparser


def convert(archive_file: str, output_file: str, bert: Optional[str] = None) -> None:
    """
    Writes an archive of ours with the weights, the labels and the predictions of an old one. What
    the old one holds is read as data.

    # Parameters

    archive_file : `str`
        Of a `bert_for_classification` of AllenNLP 0.9, or the directory of its training.
    output_file : `str`
        The new archive; only a complete one gets this name.
    bert : `str`, optional
        The checkpoint that the old model was trained from; by default the one that it names, where
        that is a directory here or in the local cache of the model hub.

    # Raises

    `ConfigurationError` for an archive of another model, for a BERT that does not fit its weights,
    and for an `output_file` that is there already, or cannot be written.
    """
    check_new_file(output_file)
    with tempfile.TemporaryDirectory() as temporary, prefix_errors(archive_file, "converted"):
        old, new = Path(temporary, "old"), Path(temporary, "new")
        source = Path(cached_path(archive_file))
        if source.is_dir():
            old = source
        else:
            old.mkdir()
            extract(source, old)
        _convert_contents(old, new, bert)
        write_tar(new, Path(output_file))
    logger.info("%s is in %s, for this version", archive_file, output_file)


def _convert_contents(old: Path, new: Path, bert: Optional[str]) -> None:
    config, state = read_config(old), weights.read_weights(weights.find_weights(old))
    check_contents(old, state)
    _check_model(config, state)
    with explain_failure("its config"):
        checkpoint = _find_checkpoint(config, bert)
        state = _fit_weights(old_classifier.rename_weights(state), checkpoint)
        positions = checkpoint.config.max_position_embeddings
        converted = old_readers.convert_config(config, positions)
        rows = len(state[f"{old_classifier.CLASSIFIER}weight"])
        labels = old_classifier.missing_labels(config, old, rows)
        casing = old_readers.read_casing(config)
    new.mkdir()
    (new / CONFIG_NAME).write_text(json.dumps(converted, indent=4), encoding="utf-8")
    Meta.new().to_file(new / META_NAME)
    save_whole(state, new / WEIGHTS)
    _write_vocabulary(old, new, labels)
    _write_bert(new, checkpoint, casing)


def _check_model(config: dict[str, Any], state: State) -> None:
    old_archives.check_embedder(config)
    if old_archives.is_old_classifier(config, state):
        return
    if old_archives.model_type(config) == old_archives.MODEL and "iterator" in config:
        raise InvalidArchiveError(
            f"its weights are not those of a `{old_archives.MODEL}` of AllenNLP 0.9, which begin "
            f"with `{old_archives.ENCODER}` and `{old_archives.HEAD}`."
        )
    if old_archives.find_version(config) == "0.9":
        raise InvalidArchiveError(
            f"it is of AllenNLP 0.9 with the model `{old_archives.model_type(config)}`; only a "
            f"`{old_archives.MODEL}` is one of ours but for its names, and is converted."
        )
    raise InvalidArchiveError(
        "it is not of AllenNLP 0.9 and opens as it is; where it does not carry its BERT, with "
        f"{GIVE_BERT}."
    )


def _find_checkpoint(config: dict[str, Any], bert: Optional[str]) -> Checkpoint:
    if bert is not None:
        return resolve_checkpoint(bert)
    name, *others = old_readers.checkpoint_names(config)
    is_here = is_hub_name(name) and (os.path.isdir(name) or is_cached(name))
    if others or not is_here:
        raise InvalidArchiveError(describe_missing("model.bert_model", name, "`--bert CHECKPOINT`"))
    return resolve_checkpoint(name)


def _fit_weights(state: State, checkpoint: Checkpoint) -> State:
    """Compares the weights with the BERT that they are said to be of; drops what it counts."""
    rows = state.get(f"{old_classifier.CLASSIFIER}weight", torch.empty(0)).size(0)
    with explain_errors(f"{checkpoint.name} has a configuration of which no BERT can be built"):
        labels = {"id2label": dict(enumerate(map(str, range(rows)))), "label2id": None}
        config = BertConfig.from_dict({**checkpoint.config.to_dict(), **labels})
        model = BertForSequenceClassification(config)
    try:
        state = fit.without_buffers(model, state)
        fit.check_fit(model, state)
    except InvalidArchiveError as error:
        raise InvalidArchiveError(
            f"{checkpoint.name} is not the BERT that it was trained from: {error} Name that one "
            "with `--bert CHECKPOINT`."
        ) from error
    return state


def _write_vocabulary(old: Path, new: Path, added: dict[str, list[str]]) -> None:
    (new / VOCABULARY).mkdir()
    for path in sorted((old / VOCABULARY).glob("[!.]*")):
        if path.is_file():
            shutil.copyfile(path, new / VOCABULARY / path.name)
    for namespace, entries in added.items():
        lines = "".join(f"{entry}\n" for entry in entries)
        (new / VOCABULARY / f"{namespace}.txt").write_text(lines, encoding="utf-8")


def _write_bert(new: Path, checkpoint: Checkpoint, casing: old_readers.Casing) -> None:
    """Writes what an archive of ours carries of BERT, and opens the archive, which compares all."""
    with tempfile.TemporaryDirectory() as directory:
        old_classifier.write_tokenizer(checkpoint, casing, directory)
        tokenizer = WordPieceTokenizer(directory)
        serialization.save(serialization.TOKENIZER, str(new), tokenizer.save)
    checkpoint.config.architectures = [BertForSequenceClassification.__name__]
    serialization.save(serialization.MODEL, str(new), checkpoint.config.save_pretrained)
    try:
        model: Any = load_archive(new).model
    except ConfigurationError as error:
        reason = str(error).removeprefix(f"{new} is not opened: ")
        raise InvalidArchiveError(reason.replace(str(new), "the new archive")) from error
    # With the names of the labels.
    serialization.save(serialization.MODEL, str(new), model.bert.config.save_pretrained)
