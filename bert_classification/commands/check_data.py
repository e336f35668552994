"""`allennlp check-data`: what is wrong with the data of a config, before anything is trained."""

import argparse
import os
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Any, ContextManager, Iterator, Optional

from allennlp.commands.subcommand import Subcommand
from allennlp.common import Params
from allennlp.common.checks import ConfigurationError
from allennlp.data import DatasetReader

from bert_classification.archives.whole_files import replace_file
from bert_classification.commands.config_checks import check_sections, read_label_names
from bert_classification.commands.config_keys import check_keys
from bert_classification.commands.data_checks import DataChecks
from bert_classification.commands.data_page import write_data_page
from bert_classification.commands.findings import Findings
from bert_classification.commands.json_lines import ended_quietly
from bert_classification.commands.label_issues import find_label_issues
from bert_classification.commands.output import WholeLines, open_output
from bert_classification.data.json_values import dump_json
from bert_classification.evaluation.pictures import check_pictures
from bert_classification.reader import BertReader

SECTIONS = ("train", "validation", "test")
LINES, SUMMARY, PAGE = "findings.jsonl", "data.json", "index.html"


@Subcommand.register("check-data")
class CheckData(Subcommand):
    """`allennlp check-data CONFIG [--report DIR] [--strict]`."""

    def add_subparser(self, parser: argparse._SubParsersAction) -> argparse.ArgumentParser:
        subparser = parser.add_parser(
            self.name,
            description="Read all data of a config as training would, and say what is wrong with "
            "them, each finding with file and line. Nothing is trained.",
            help="Check the data of a config before training.",
        )
        add = subparser.add_argument
        add("config", metavar="CONFIG", help="the config, as for `allennlp train`")
        add("-o", "--overrides", default="", help="JSON that overrides the config")
        add("--report", metavar="DIR", help=f"a directory for {SUMMARY}, {LINES} and {PAGE}")
        add("--strict", action="store_true", help="end with exit status 1 when there is a defect")
        add(
            "--near-duplicates",
            type=float,
            default=0.8,
            metavar="SHARE",
            help="of pairs of word pieces that two rows have in common, from which they are nearly "
            "the same; 1 looks for none (default: %(default)s)",
        )
        add(
            "--label-issues",
            metavar="FILE",
            help="predictions out of fold, as `allennlp cross-validate` writes them, by which "
            "labels are ranked that are probably wrong",
        )
        subparser.set_defaults(func=check_data)
        return subparser


def check_data(args: argparse.Namespace) -> None:
    """Looks at the data of a config."""
    if not 0 < args.near_duplicates <= 1:
        raise ConfigurationError(
            f"`--near-duplicates` is {args.near_duplicates}; expected more than 0, up to 1."
        )
    if args.report is not None:
        check_pictures()
    data = dict(sections_of(Params.from_file(args.config, args.overrides)))
    with ended_quietly(), _open_lines(args.report) as lines:
        findings = Findings(lines)
        checks = DataChecks(findings.add, args.near_duplicates)
        for name, (path, reader) in data.items():
            checks.read(name, path, reader)
        checks.finish()
        if args.label_issues is not None:
            for finding in find_label_issues(args.label_issues):
                findings.add(finding)
        findings.show(checks.parts)
    if args.report is not None:
        _write_report(Path(args.report), args.config, checks.summary(), findings)
    if args.strict and findings.defects:
        sys.exit(1)


def sections_of(params: Params) -> Iterator[tuple[str, tuple[Any, BertReader]]]:
    """
    Yields the sections of data of a config, each with its path and its reader.

    # Raises

    `ConfigurationError` for a config without training data, or with a reader that is none of ours.
    """
    config = params.as_dict(quiet=True)
    check_sections(config, trains=False)
    check_keys(config)
    if not config.get("train_data_path"):
        raise ConfigurationError("no key `train_data_path` in the config; nothing to check.")
    reader = _make_reader(params, "dataset_reader")
    for name in SECTIONS:
        path = config.get(f"{name}_data_path")
        if name == "validation" and config.get("validation_dataset_reader"):
            reader = _make_reader(params, "validation_dataset_reader")
        if path:
            yield name, (path, reader)


def _make_reader(params: Params, section: str) -> BertReader:
    given = params.get(section)
    if given is None:
        raise ConfigurationError(f"no key `{section}` in the config.")
    read_label_names(given)
    reader = DatasetReader.from_params(given.duplicate())
    if not isinstance(reader, BertReader):
        raise ConfigurationError(
            f"`{section}.type`: {type(reader).__name__} is no reader of this package, whose data "
            "this command checks."
        )
    return reader


def _open_lines(report: Optional[str]) -> ContextManager[Optional[WholeLines]]:
    if report is None:
        return nullcontext()
    if os.path.exists(report) and not os.path.isdir(report):
        raise ConfigurationError(f"`--report` {report} is a file; name a directory.")
    os.makedirs(report, exist_ok=True)
    return open_output(os.path.join(report, LINES))


def _write_report(
    directory: Path, config: str, sections: dict[str, Any], findings: Findings
) -> None:
    summary = {"sections": sections, "findings": dict(findings.counts)}
    with replace_file(directory / SUMMARY) as aside:
        aside.write_text(dump_json(summary) + "\n", encoding="utf-8")
    write_data_page(str(directory / PAGE), config, sections, findings)
