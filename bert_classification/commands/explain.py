"""`allennlp explain`: how much each word of a record counts for the answer."""

import argparse

from allennlp.commands.subcommand import Subcommand

from bert_classification.commands.json_lines import add_files, answer_lines, each_alone, page_of
from bert_classification.commands.studied import MODEL_HELP, open_predictor
from bert_classification.interpret.gradients import check_studied
from bert_classification.interpret.saliency import METHODS, explain
from bert_classification.predictor import check_count


@Subcommand.register("explain")
class Explain(Subcommand):
    """`allennlp explain MODEL DATA`: a line for each record; see `interpret.saliency.explain`."""

    def add_subparser(self, parser: argparse._SubParsersAction) -> argparse.ArgumentParser:
        subparser = parser.add_parser(
            self.name,
            description="Write how much each word of each record counts for the model's answer.",
            help="Explain predictions by the words of their records.",
        )
        subparser.add_argument("model", help=MODEL_HELP)
        add_files(subparser)
        subparser.add_argument(
            "--method", choices=METHODS, default=METHODS[0], help="(default: %(default)s)"
        )
        subparser.add_argument(
            "--steps", type=int, default=50, help="of integrated gradients (default: %(default)s)"
        )
        subparser.set_defaults(func=explain_lines)
        return subparser


def explain_lines(args: argparse.Namespace) -> None:
    """Explains the records of a file."""
    check_count("--steps", args.steps)
    predictor = open_predictor(args.model, args.data, args.cuda_device)
    check_studied(predictor)
    answer = each_alone(lambda record: explain(predictor, record, args.method, args.steps))
    answer_lines(predictor, args.data, args.output, answer, page=page_of(args, "Which words count"))
