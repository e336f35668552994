"""
`allennlp predict` for our predictors: an output line for each line that is not blank, whatever
stands in it.

AllenNLP's command dies at the first bad line, writes in the encoding of the locale and keeps output
back. `PredictManager` takes the place of its class that walks over the lines, for our predictors
only; `Predict` that of its command, which reads and writes JSON lines alone.
"""

import argparse
import json
import logging
import os
from contextvars import ContextVar
from functools import partial
from itertools import chain, islice
from typing import Any, Callable, Iterator, NamedTuple, Optional, Union

from allennlp.commands import predict
from allennlp.common.checks import ConfigurationError
from allennlp.common.tqdm import Tqdm
from allennlp.common.util import lazy_groups_of
from allennlp.data import Instance

from bert_classification.commands.input_records import (
    check_format,
    find_format,
    parse_record,
    read_inputs,
)
from bert_classification.commands.json_lines import (
    Line,
    check_overwrites_nothing,
    console_errors,
    ended_quietly,
    open_input,
    parse_line,
    read_lines,
)
from bert_classification.commands.output import aside_of, is_stream, open_output
from bert_classification.commands.output_tables import FORMATS as OUTPUT_FORMATS
from bert_classification.commands.output_tables import (
    check_output,
    convert_lines,
    find_output_format,
)
from bert_classification.data.outcomes import replace_successes, successes
from bert_classification.data.records import READERS, RecordError
from bert_classification.predictor import BertPredictor

logger = logging.getLogger(__name__)

Parse = Callable[[Line], Union[dict[str, Any], RecordError]]

INPUT_FORMATS = ("json", "text", *(name for name in READERS if name != "jsonl"))
INPUT_FORMATS += ("conll", "squad", "documents", "race")


class Settings(NamedTuple):
    """What the command line says that AllenNLP's has not."""

    input_format: Optional[str] = None
    output_format: Optional[str] = None
    resume: bool = False


_settings: ContextVar[Settings] = ContextVar("settings")


class Predict(predict.Predict):
    """`allennlp predict`: AllenNLP's, of every file that trains, to more than JSON lines."""

    def add_subparser(self, parser: argparse._SubParsersAction) -> argparse.ArgumentParser:
        subparser = super().add_subparser(parser)
        subparser.add_argument(
            "--input-format",
            choices=INPUT_FORMATS,
            help="the format of the input: a record of JSON or its text a line, or a format of "
            "training (default: by the extension; otherwise, and of a pipe, json)",
        )
        subparser.add_argument(
            "--output-format",
            choices=OUTPUT_FORMATS,
            help="the format of the output (default: by its extension; otherwise jsonl)",
        )
        subparser.add_argument(
            "--resume",
            action="store_true",
            help="go on where an interrupted run of the same command stopped",
        )
        subparser.set_defaults(func=_predict)
        return subparser


def _predict(args: argparse.Namespace) -> None:
    if args.input_format and args.use_dataset_reader:
        raise ConfigurationError(
            f"`--input-format {args.input_format}` has no meaning with `--use-dataset-reader`, "
            "which reads files in its own formats."
        )
    if args.resume and (args.use_dataset_reader or not args.output_file):
        raise ConfigurationError(
            "`--resume` goes on with an `--output-file`, and not with `--use-dataset-reader`."
        )
    settings = Settings(args.input_format, args.output_format, args.resume)
    token = _settings.set(settings)
    try:
        predict._predict(args)
    finally:
        _settings.reset(token)


def _text_parser(predictor: Any) -> Parse:
    """Makes what lets a line be the text of a record; `ConfigurationError` where it is not all."""
    if not isinstance(predictor, BertPredictor):
        raise ConfigurationError(
            f"`--input-format text`: {type(predictor).__name__} is no predictor of this package, "
            "of whose records the text is known; give JSON lines."
        )
    if not predictor.text_key:
        raise ConfigurationError(
            f"`--input-format text`: a record of {type(predictor).__name__} needs more than one "
            f"text; give JSON lines such as {json.dumps(predictor.example)}"
        )
    return partial(_text_record, key=predictor.text_key)


def _parser(predictor: Any, format: Optional[str]) -> Parse:
    """Makes what reads the record of a line."""
    if format == "text":
        return _text_parser(predictor)
    if not isinstance(predictor, BertPredictor):
        return parse_line
    columns = getattr(predictor._dataset_reader, "columns", None)
    return partial(parse_record, columns=columns, gold_key=predictor.gold_key)


def _check_foreign(predictor: Any, settings: Settings) -> None:
    """Raises `ConfigurationError` for what only our predictors read and write."""
    if settings.input_format == "text":
        _text_parser(predictor)
    asked = {
        "--input-format": settings.input_format not in (None, "json"),
        "--output-format": settings.output_format not in (None, "jsonl"),
        "--resume": settings.resume,
    }
    option = next((name for name, is_asked in asked.items() if is_asked), None)
    if option is not None:
        raise ConfigurationError(
            f"`{option}`: {type(predictor).__name__} is no predictor of this package; give JSON "
            "lines, and take JSON lines."
        )


def _check_resumable(predictor: Any, format: str, path: str, is_open: bool) -> None:
    if is_open:
        raise ConfigurationError(f"`--resume`: {path} is no regular file that could be continued.")
    if format == "jsonl" and not predictor.writes_lines:
        raise ConfigurationError(
            "`--resume` goes on with lines of JSON; in the place of the predictor's "
            "`output_format` give `--output-format conll`."
        )


def begin(lines: Iterator[Line]) -> Iterator[Line]:
    """Reads the first record, so that what is wrong with a file is said before all else."""
    return chain(list(islice(lines, 1)), lines)


def _text_record(line: Line, key: str) -> Union[dict[str, Any], RecordError]:
    return line.error or {key: line.text}


class PredictManager(predict._PredictManager):
    """
    Reads records, predicts them in batches, writes UTF-8 as it goes, and counts the errors. A pipe
    that nobody reads any more, and Ctrl-C, end it quietly; a full disk ends it with one sentence.
    """

    _output_file: Any
    _predictor: Any

    def __init__(self, predictor, input_file: str, output_file, *args, **kwargs) -> None:
        super().__init__(predictor, input_file, None, *args, **kwargs)
        settings = _settings.get(Settings())
        self._output_path, self._resume = output_file, settings.resume
        self._reads_records = isinstance(predictor, BertPredictor) and self._dataset_reader is None
        if isinstance(predictor, BertPredictor):
            self._format = find_output_format(output_file, settings.output_format)
        else:
            _check_foreign(predictor, settings)
            self._format = "jsonl"
        # A table is made of lines when all are there.
        self._lines_path = output_file if self._format == "jsonl" else f"{output_file}.lines"
        self._input_format: Optional[str] = None
        if self._reads_records:
            self._input_format = find_format(predictor, input_file, settings.input_format)
            check_format(predictor, self._input_format)
        self._parse = _parser(predictor, self._input_format)
        is_open = bool(output_file) and is_stream(output_file)
        check_output(output_file, self._format, is_open, getattr(predictor, "writes_tags", False))
        if self._resume:
            _check_resumable(predictor, self._format, output_file, is_open)
        for path in (output_file, self._lines_path):
            check_overwrites_nothing(input_file, path, "--output-file")

    def run(self) -> None:
        with ended_quietly():
            if self._resume and self._is_complete(self._output_path):
                logger.warning("%s is complete; there is nothing to resume.", self._output_path)
                return
            if not (self._resume and self._is_complete(self._lines_path)):
                self._predict_all()
            if self._format != "jsonl":
                to_conll = getattr(self._predictor, "dump_conll", str)
                convert_lines(self._lines_path, self._output_path, self._format, to_conll)
                os.remove(self._lines_path)

    def _is_complete(self, path: str) -> bool:
        """Whether an output has got its name, and no run has begun another one."""
        parts = (aside_of(self._lines_path), *({self._lines_path} - {path}))
        return os.path.exists(path) and not any(map(os.path.exists, parts))

    def _predict_all(self) -> None:
        if not self._reads_records:
            with open_output(self._lines_path) as self._output_file:
                super().run()
        elif self._input_format in (None, "text"):
            # What is missing is missed before anything is written.
            with (
                open_input(self._input_file) as source,
                open_output(self._lines_path, self._resume) as self._output_file,
            ):
                self._predict_lines(self._predictor, read_lines(source, self._input_file))
        else:
            inputs = read_inputs(self._predictor, self._input_file, self._input_format)
            begun = begin(inputs)
            with open_output(self._lines_path, self._resume) as self._output_file:
                self._predict_lines(self._predictor, begun)

    def _predict_lines(self, predictor: BertPredictor, lines: Iterator[Line]) -> None:
        done = there = self._output_file.done if self._output_file else 0
        records, errors = 0, 0
        for group in lazy_groups_of(Tqdm.tqdm(lines, desc="predicting"), self._batch_size):
            if done >= len(group):
                done -= len(group)
                continue
            # In the groups of an uninterrupted run numbers are the same to the last digit.
            outputs = list(zip(group, predict_lines(predictor, group, self._parse)))
            for line, output in outputs[done:]:
                records += 1
                errors += "error" in output
                self._print_and_write(line, output)
            done = 0
        if done:
            raise ConfigurationError(
                f"`--resume`: {aside_of(self._lines_path)} has {there} lines, {done} more than "
                f"{self._input_file} has records; it is of another input. Take it away."
            )
        if there:
            logger.info("%d records were predicted before.", there)
        logger.info("%d records: %d predicted, %d with an error", records, records - errors, errors)
        if errors:
            logger.warning(
                "%d of %d records could not be predicted; see `error` in their output.",
                errors,
                records,
            )
        predictor._dataset_reader.report_truncation(self._input_file)

    def _print_and_write(self, line: Line, output: dict[str, Any]) -> None:
        shown = line.text.strip()
        if self._print_to_console and line.values is not None:
            shown = BertPredictor.dump_line(self._predictor, line.values).strip()
        self._maybe_print_to_console_and_file(line.number, self._dump(output), shown)

    def _dump(self, output: dict[str, Any]) -> str:
        if self._format == "jsonl":
            return self._predictor.dump_line(output)
        return BertPredictor.dump_line(self._predictor, output)

    def _maybe_print_to_console_and_file(self, *args: Any) -> None:
        with console_errors():
            super()._maybe_print_to_console_and_file(*args)

    def _predict_instances(self, batch_data: list[Instance]) -> Iterator[str]:
        if not isinstance(self._predictor, BertPredictor):
            yield from super()._predict_instances(batch_data)
            return
        for output in self._predictor.outputs_or_errors(batch_data):
            yield self._dump(self._predictor.output({}, output))


def predict_lines(
    predictor: BertPredictor, lines: list[Line], parse: Parse = parse_line
) -> list[dict]:
    """Predicts the record of each line; an error has the line's number beside it."""
    records = [parse(line) for line in lines]
    predicted = predictor.predict_batch_json(successes(records))
    outputs = [
        {"error": str(each)} if isinstance(each, RecordError) else each
        for each in replace_successes(records, predicted)
    ]
    return [
        {**output, "line": line.number} if "error" in output else output
        for line, output in zip(lines, outputs)
    ]
