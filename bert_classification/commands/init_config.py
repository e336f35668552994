"""`allennlp init-config`: a config for a task, proposed from the data."""

import argparse
import json
import os
import shlex
import sys
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Optional

from allennlp.commands.subcommand import Subcommand
from allennlp.common import Params
from allennlp.common.checks import ConfigurationError
from allennlp.data import DatasetReader

from bert_classification.archives.whole_files import replace_file
from bert_classification.commands.config_proposal import find_bert, propose
from bert_classification.commands.json_lines import ended_quietly
from bert_classification.commands.jsonnet_text import to_jsonnet
from bert_classification.commands.resources import located, shipped
from bert_classification.data.draft import Draft
from bert_classification.data.proposal import Files
from bert_classification.reader import BertReader

BERT = "bert-base-uncased"
INDEXER = "dataset_reader.token_indexers.bert.pretrained_model"

NOTES = {
    "trainer.learning_rate_scheduler": "A linear warm-up over the first tenth of all steps, then "
    "linearly down to nearly zero.",
    "trainer.optimizer.parameter_groups": "No weight decay of biases and layer norms.",
}
"""What is in every config, and why."""


@Subcommand.register("init-config")
class InitConfig(Subcommand):
    """`allennlp init-config TASK --train FILE --dev FILE > my.jsonnet`."""

    def add_subparser(self, parser: argparse._SubParsersAction) -> argparse.ArgumentParser:
        subparser = parser.add_parser(
            self.name,
            description="Write a config for a task, proposed from the first rows of the data, with "
            "the reasons as comments. Without data it is the task's shipped config.",
            help="Write a config for a task, proposed from the data.",
        )
        add = subparser.add_argument
        add("task", nargs="?", metavar="TASK", help=f"one of {', '.join(tasks())}")
        add("--train", metavar="FILE", help="training data")
        add("--dev", metavar="FILE", help="validation data")
        add(
            "--bert",
            metavar="NAME",
            help=f"a directory, a name on the model hub, or an archive (default: {BERT})",
        )
        add("--labels", metavar="FILE", help="names of labels that are numbers in the data")
        add("--columns", metavar="JSON", help='from our keys to columns, \'{"text": "body"}\'')
        add("--format", help="of the data, where their extension does not say it")
        add("--encoding", help="of the data (default: utf-8)")
        add("-o", "--output", metavar="FILE", help="the file to write (default: standard output)")
        add("--force", action="store_true", help="replace the file that `--output` names")
        add("--interactive", action="store_true", help="ask about each proposal")
        subparser.set_defaults(func=init_config)
        return subparser


def init_config(args: argparse.Namespace) -> None:
    """Writes a config for a task."""
    _check_output(args)
    if args.interactive:
        _ask_for_files(args)
    task = find_task(args.task)
    draft = Draft(base_config(task), _ask if args.interactive else None)
    for path, why in NOTES.items():
        if draft.get(path) is not None:
            draft.note(path, why)
    if args.train is None:
        _without_data(args, draft)
    else:
        _from_data(args, task, draft)
    names = {"pretrained_model": draft.get(INDEXER), "bert_model": draft.get("model.bert_model")}
    _write(to_jsonnet(draft, _head(args, task), names), args.output)


def tasks() -> dict[str, str]:
    """Gives the registered name of each task, by the word of its folder."""
    readers = {name: DatasetReader.by_name(name) for name in DatasetReader.list_available()}
    return {
        reader.__module__.split(".")[-2]: name
        for name, reader in sorted(readers.items())
        if isinstance(reader, type) and issubclass(reader, BertReader)
    }


def find_task(word: Optional[str]) -> str:
    """Finds the registered name of a task, by that or by the word of its folder."""
    known = tasks()
    if word in known.values():
        return str(word)
    if word not in known:
        near = get_close_matches(str(word), [*known, *known.values()], 1, 0.4) if word else []
        hint = f" Did you mean `{near[0]}`?" if near else ""
        what = "`TASK` is missing" if word is None else f"`TASK` is {word!r}"
        raise ConfigurationError(f"{what}; expected one of {', '.join(known)}.{hint}")
    return known[word]


def base_config(task: str) -> dict[str, Any]:
    """Evaluates the shipped config of a task; of a task of others that of classification."""
    try:
        config = Params.from_file(_shipped_config(task)).as_dict(quiet=True)
    except FileNotFoundError:
        config = base_config("bert_for_classification")
        config["dataset_reader"]["type"] = config["model"]["type"] = task
        config["trainer"]["validation_metric"] = "-loss"
    config["trainer"].pop("callbacks", None)
    return config


def _shipped_config(task: str) -> Path:
    word = next(word for word, name in tasks().items() if name == task)
    return shipped(f"training_config/{word}.jsonnet")


def _without_data(args: argparse.Namespace, draft: Draft) -> None:
    """Lets the files of the shipped config be found from here."""
    for option in ("dev", "labels", "columns", "format", "encoding"):
        if getattr(args, option) is not None:
            raise ConfigurationError(f"`--{option}` says something of data; give `--train` too.")
    for path in ("train_data_path", "validation_data_path"):
        found = _find(draft.get(path))
        draft.set(path, found or draft.get(path))
        if found is None:
            draft.note(path, "This file lies in the repository; put one of your own in its place.")
    bert = args.bert or _find(draft.get(INDEXER)) or BERT
    _set_bert(draft, bert)


def _find(path: str) -> Optional[str]:
    try:
        return located(path)
    except FileNotFoundError:
        return None


def _from_data(args: argparse.Namespace, task: str, draft: Draft) -> None:
    name = args.bert or BERT
    _set_bert(draft, name)
    given = {"format": args.format, "columns": parse_columns(args.columns)}
    for key, value in {**given, "encoding": args.encoding}.items():
        if value is not None:
            draft.set(f"dataset_reader.{key}", value)
            draft.note(f"dataset_reader.{key}", f"As `--{key}` says.")
    with find_bert(name) as bert:
        if bert.problem:
            print(f"{bert.problem} Lengths are estimated.", file=sys.stderr)
        propose(draft, task, Files(args.train, args.dev, args.labels), bert)


def _set_bert(draft: Draft, name: str) -> None:
    draft.set(INDEXER, name)
    draft.set("model.bert_model", name)


def parse_columns(text: Optional[str]) -> Optional[dict[str, Any]]:
    """Reads `--columns`; `ConfigurationError` when it is no object of names or numbers."""
    if text is None:
        return None
    try:
        columns = json.loads(text)
    except ValueError:
        columns = None
    if not isinstance(columns, dict) or not columns or not all(map(_is_column, columns.values())):
        raise ConfigurationError(
            f"`--columns` is {text!r}; expected JSON with the file's columns for our keys, such as "
            '\'{"text": "body"}\', or their numbers, counted from 0.'
        )
    return columns


def _is_column(value: Any) -> bool:
    return isinstance(value, str) or type(value) is int


def _head(args: argparse.Namespace, task: str) -> str:
    """Says what the config is for, and how it came about."""
    try:
        first = _shipped_config(task).read_text(encoding="utf-8").splitlines()[0]
    except FileNotFoundError:
        first = f"// A config for {task}."
    options = ("train", "dev", "bert", "labels", "columns", "format", "encoding")
    given = [(f"--{name}", getattr(args, name)) for name in options if getattr(args, name)]
    command = ["allennlp", "init-config", args.task, *(part for each in given for part in each)]
    name = args.output or "my.jsonnet"
    return "\n".join(
        [
            first.removeprefix("//").strip(),
            "To train:",
            f"  allennlp train {shlex.quote(name)} -s out",
            "Written by:",
            f"  {shlex.join(command)}",
        ]
    )


def _check_output(args: argparse.Namespace) -> None:
    if args.output and os.path.isdir(args.output):
        raise ConfigurationError(f"`--output` {args.output} is a directory; name a file.")
    if args.output and os.path.exists(args.output) and not args.force:
        raise ConfigurationError(
            f"{args.output} exists; name another file, or give `--force` to replace it."
        )


def _write(text: str, path: Optional[str]) -> None:
    with ended_quietly():
        if path is None:
            print(text, end="")
            return
        with replace_file(path) as aside:
            aside.write_text(text, encoding="utf-8")
        print(f"{path} is written. To train: allennlp train {shlex.quote(path)} -s out")


def _ask_for_files(args: argparse.Namespace) -> None:
    """Asks for what the command line has not said."""
    args.task = args.task or _answer(f"Task ({', '.join(tasks())})", "classification")
    find_task(args.task)
    args.train = args.train or _answer("Training data, a file", "") or None
    if args.train is not None:
        args.dev = args.dev or _answer("Validation data, a file (none: Enter)", "") or None
    args.bert = args.bert or _answer("BERT, a directory or a name on the model hub", BERT)


def _ask(path: str, value: Any, why: str) -> Any:
    """Asks about one proposal; Enter takes it."""
    print(f"\n{why}", file=sys.stderr)
    shown = json.dumps(value, ensure_ascii=False)
    answer = _answer(path, shown)
    try:
        return value if answer == shown else json.loads(answer)
    except ValueError:
        return answer


def _answer(question: str, default: str) -> str:
    # Standard output is the config's.
    shown = f" [{default}]" if default else ""
    print(f"{question}{shown}: ", end="", file=sys.stderr, flush=True)
    try:
        return input().strip() or default
    except EOFError:
        print(file=sys.stderr)
        return default
