"""`allennlp from-hf`: a published checkpoint as an archive of ours, without training."""

import argparse
import logging
import tempfile
from pathlib import Path
from typing import Any, Optional

from allennlp.commands.subcommand import Subcommand
from allennlp.common.checks import ConfigurationError

from bert_classification.archives import opening
from bert_classification.archives.archiving import check_new_file, write_tar
from bert_classification.archives.extraction import naming
from bert_classification.archives.hub import PREFIX, find_checkpoint
from bert_classification.archives.named_checkpoint import parse
from bert_classification.bert.as_archive import Wishes, write_contents
from bert_classification.data.files import read_lines
from bert_classification.data.records import RecordError
from bert_classification.data.values import check_label

logger = logging.getLogger(__name__)


@Subcommand.register("from-hf")
class FromHf(Subcommand):
    """`allennlp from-hf CHECKPOINT OUT`: see `from_hf`."""

    def add_subparser(self, parser: argparse._SubParsersAction) -> argparse.ArgumentParser:
        subparser = parser.add_parser(
            self.name,
            description="Make an archive of a published BERT checkpoint that has the head of a "
            "task, without training.",
            help="Make an archive of a Hugging Face checkpoint.",
        )
        add = subparser.add_argument
        add("checkpoint", help="a directory, or a name on the model hub, NAME or hf:NAME@REVISION")
        add("output_file", metavar="OUT", help="the archive, a new file: model.tar.gz")
        add("--task", help="what it is for (default: what its config.json says)")
        add("--revision", help="a branch, tag or commit on the model hub (default: main)")
        add("--labels", metavar="FILE", help="the names of its outputs, one a line, in their order")
        add("--reader", metavar="JSON", default="", help="keys of the archive's dataset_reader")
        add("-o", "--overrides", metavar="JSON", default="", help="of the archive's whole config")
        subparser.set_defaults(func=_from_hf)
        return subparser


def _from_hf(args: argparse.Namespace) -> None:
    labels = None if args.labels is None else read_labels(args.labels)
    with naming({"`--overrides`": "`--reader`"}):
        reader = parse(args.reader)
    wishes = Wishes(args.task, labels, reader, args.overrides)
    from_hf(args.checkpoint, args.output_file, args.revision, wishes)


def from_hf(
    checkpoint: str, output_file: str, revision: Optional[str] = None, wishes: Wishes = Wishes()
) -> None:
    """
    Writes an archive with the weights, the labels and the tokenizer of a checkpoint.

    # Parameters

    checkpoint : `str`
        See `find_checkpoint`.
    output_file : `str`
        The archive; only a complete one gets this name.
    revision : `str`, optional
        On the model hub.

    # Raises

    `ConfigurationError` for a checkpoint that is not to be had or is none of a task, for an archive
    that would not open, and for an `output_file` that is there already, or cannot be written.
    """
    check_new_file(output_file)
    directory = find_checkpoint(checkpoint, revision)
    source = checkpoint if Path(checkpoint).exists() else checkpoint.removeprefix(PREFIX)
    with tempfile.TemporaryDirectory() as temporary, naming({temporary: "the archive"}):
        task = write_contents(
            directory, checkpoint, Path(temporary), wishes, source.partition("@")[0]
        )
        # What does not open is not handed out.
        opening.load_archive(temporary)
        write_tar(Path(temporary), Path(output_file))
    logger.info("%s is taken for %s; the archive is %s", checkpoint, task, output_file)


def read_labels(path: str) -> list[str]:
    """Reads the names of a checkpoint's outputs; `ConfigurationError` for what are no names."""
    labels = [line.strip() for _, line in read_lines(path) if line.strip()]
    _check_labels(labels, path)
    return labels


def _check_labels(labels: list[str], path: str) -> None:
    twice: Any = next((label for label in labels if labels.count(label) > 1), None)
    if not labels or twice is not None:
        fault = "names no label" if twice is None else f"names {twice!r} twice"
        raise ConfigurationError(f"{path} {fault}; expected each label once, one a line.")
    for label in labels:
        try:
            check_label(label, "--labels")
        except RecordError as error:
            raise ConfigurationError(f"{path}: {error}") from error
