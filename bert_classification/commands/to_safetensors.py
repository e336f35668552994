"""`allennlp to-safetensors`: an archive with its weights in the format that holds tensors only."""

import argparse
import tempfile
from pathlib import Path

from allennlp.commands.subcommand import Subcommand

from bert_classification.archives import weights
from bert_classification.archives.archiving import write_tar
from bert_classification.archives.extraction import extract, prefix_errors


@Subcommand.register("to-safetensors")
class ToSafetensors(Subcommand):
    """`allennlp to-safetensors`: see `to_safetensors`."""

    def add_subparser(self, parser: argparse._SubParsersAction) -> argparse.ArgumentParser:
        subparser = parser.add_parser(
            self.name,
            description="Rewrite the weights of an archive as safetensors.",
            help="Rewrite the weights of an archive as safetensors.",
        )
        subparser.add_argument("archive_file", help="the archive, model.tar.gz")
        subparser.add_argument("output_file", help="the new archive")
        subparser.set_defaults(
            func=lambda args: to_safetensors(args.archive_file, args.output_file)
        )
        return subparser


def to_safetensors(archive_file: str, output_file: str) -> None:
    """
    Writes an archive that differs from another one in the format of its weights. Only a file that
    is complete gets the name `output_file`.
    """
    with tempfile.TemporaryDirectory() as temporary, prefix_errors(archive_file):
        directory = Path(temporary, "archive")
        directory.mkdir()
        extract(Path(archive_file), directory)
        written = weights.find_weights(directory)
        state = weights.read_weights(written)
        written.unlink()
        weights.write_safetensors(state, directory / "weights.safetensors")
        write_tar(directory, Path(output_file))
