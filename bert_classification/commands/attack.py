"""`allennlp attack`: the words of a record changed until the answer changes, or taken out."""

import argparse
import json
from typing import Any, Callable

from allennlp.commands.subcommand import Subcommand
from allennlp.common.checks import ConfigurationError
from allennlp.common.util import JsonDict

from bert_classification.commands.json_lines import add_files, answer_lines, each_alone, page_of
from bert_classification.commands.studied import MODEL_HELP, open_predictor
from bert_classification.interpret.hotflip import HotFlip
from bert_classification.interpret.reduction import InputReduction
from bert_classification.predictor import BertPredictor, check_count

METHODS = ("hotflip", "input-reduction")


@Subcommand.register("attack")
class Attack(Subcommand):
    """
    `allennlp attack MODEL DATA`: a line for each record; see `HotFlip.attack` and
    `InputReduction.attack`.
    """

    def add_subparser(self, parser: argparse._SubParsersAction) -> argparse.ArgumentParser:
        subparser = parser.add_parser(
            self.name,
            description="Exchange words of each record until the model's answer changes "
            "(hotflip), or take out words as long as it stays (input-reduction).",
            help="Attack predictions by changing words.",
        )
        add = subparser.add_argument
        add("model", help=MODEL_HELP)
        add_files(subparser)
        add("--method", choices=METHODS, default=METHODS[0], help="(default: %(default)s)")
        add("--target", help="the answer to reach, a word or JSON; hotflip only (default: any)")
        add("--max-flips", type=int, default=5, help="of hotflip (default: %(default)s)")
        add(
            "--words-at-once",
            type=int,
            default=8,
            help="changes that are tried in a batch (default: %(default)s)",
        )
        add(
            "--ignore-token",
            action="append",
            dest="ignore_tokens",
            metavar="WORD",
            help="a word to leave alone; may be repeated (default: hotflip's is punctuation)",
        )
        add(
            "--key",
            action="append",
            dest="keys",
            metavar="KEY",
            help="a text to change; may be repeated (default: those of the task)",
        )
        subparser.set_defaults(func=attack_lines)
        return subparser


def attack_lines(args: argparse.Namespace) -> None:
    """Attacks the records of a file."""
    check_count("--max-flips", args.max_flips)
    check_count("--words-at-once", args.words_at_once)
    if args.target is not None and args.method != METHODS[0]:
        raise ConfigurationError("`--target` is for hotflip; input-reduction keeps the answer.")
    predictor = open_predictor(args.model, args.data, args.cuda_device)
    title = "What would change the answer" if args.method == METHODS[0] else "What can be left out"
    answer = each_alone(_attack(predictor, args))
    answer_lines(predictor, args.data, args.output, answer, page=page_of(args, title))


def _attack(predictor: BertPredictor, args: argparse.Namespace) -> Callable[[JsonDict], JsonDict]:
    if args.method == METHODS[0]:
        flips = HotFlip(
            predictor, args.max_flips, args.words_at_once, args.ignore_tokens, args.keys
        )
        target = _parse_target(args.target)
        if target is not None:
            predictor.wanted(target)
        return lambda record: {"method": args.method, **flips.attack(record, target)}
    reduction = InputReduction(predictor, args.words_at_once, args.ignore_tokens or (), args.keys)
    return lambda record: {"method": args.method, **reduction.attack(record)}


def _parse_target(target: Any) -> Any:
    """Reads a target as JSON where it is a list or a number, and else as the word it is."""
    try:
        value = json.loads(target) if target is not None else None
    except ValueError:
        return target
    return value if isinstance(value, (list, int)) and not isinstance(value, bool) else target
