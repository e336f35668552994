"""`allennlp influence`: which records of its training an answer hangs on."""

import argparse
import random

from allennlp.commands.subcommand import Subcommand

from bert_classification.commands.json_lines import add_files, answer_lines, page_of
from bert_classification.commands.studied import MODEL_HELP, open_archive, predictor_of
from bert_classification.interpret.influence import Influence
from bert_classification.predictor import check_count

AT_ONCE = 64


@Subcommand.register("influence")
class InfluenceCommand(Subcommand):
    """`allennlp influence MODEL TRAIN_DATA DATA`: a line for each record; see `Influence`."""

    def add_subparser(self, parser: argparse._SubParsersAction) -> argparse.ArgumentParser:
        subparser = parser.add_parser(
            "influence",
            description="Write which records of the training data speak most for and against the "
            "answer to each record, by influence functions.",
            help="Explain predictions by the records of the training.",
        )
        add = subparser.add_argument
        add("model", help=MODEL_HELP)
        add("train_data", help="the data that it was trained on, as its reader reads them")
        add_files(subparser)
        add("--k", type=int, default=10, help="how many to give (default: %(default)s)")
        add(
            "--params-to-freeze",
            action="append",
            metavar="REGEX",
            help="weights to leave out; may be repeated (default: all of BERT but its pooler)",
        )
        add("--lissa-batch-size", type=int, default=8, help="(default: %(default)s)")
        add("--damping", type=float, default=3e-3, help="of LiSSA (default: %(default)s)")
        add("--num-samples", type=int, default=1, help="of LiSSA (default: %(default)s)")
        add(
            "--recursion-depth",
            type=_count_or_share,
            default=0.25,
            help="batches of LiSSA, or the share of all there are (default: %(default)s)",
        )
        add("--scale", type=float, default=1e4, help="of LiSSA (default: %(default)s)")
        add("--seed", type=int, default=0, help="of LiSSA's batches (default: %(default)s)")
        subparser.set_defaults(func=explain_by_training)
        return subparser


def explain_by_training(args: argparse.Namespace) -> None:
    """Explains the records of a file by those of the training."""
    check_count("--k", args.k)
    archive = open_archive(args.model, args.data, args.cuda_device)
    predictor = predictor_of(archive, args.model)
    random.seed(args.seed)
    influence = Influence(
        predictor,
        archive.dataset_reader,
        args.train_data,
        args.params_to_freeze,
        args.lissa_batch_size,
        args.damping,
        args.num_samples,
        args.recursion_depth,
        args.scale,
    )
    answer_lines(
        predictor,
        args.data,
        args.output,
        lambda records: influence.explain(records, args.k),
        AT_ONCE,
        page_of(args, "Which training records count"),
    )


def _count_or_share(text: str) -> int | float:
    return int(text) if text.isdecimal() else float(text)
