"""
`allennlp predict` for our predictors: an output line for each line that is not blank, whatever
stands in it.

AllenNLP's command dies at the first bad line, writes in the encoding of the locale and keeps output
back. `PredictManager` takes the place of its class that walks over the lines, for our predictors
only; `Predict` that of its command, which has no `--input-format`.
"""

import argparse
import json
import logging
from contextvars import ContextVar
from functools import partial
from typing import Any, Callable, Iterator, Union

from allennlp.commands import predict
from allennlp.common.checks import ConfigurationError
from allennlp.common.tqdm import Tqdm
from allennlp.common.util import lazy_groups_of
from allennlp.data import Instance

from bert_classification.commands.json_lines import (
    Line,
    check_overwrites_nothing,
    console_errors,
    ended_quietly,
    open_input,
    parse_line,
    read_lines,
)
from bert_classification.commands.output import open_output
from bert_classification.data.outcomes import replace_successes, successes
from bert_classification.data.records import RecordError
from bert_classification.predictor import BertPredictor

logger = logging.getLogger(__name__)

Parse = Callable[[Line], Union[dict[str, Any], RecordError]]

_input_format = ContextVar("input_format", default="json")


class Predict(predict.Predict):
    """`allennlp predict`: AllenNLP's, of lines of JSON or of text."""

    def add_subparser(self, parser: argparse._SubParsersAction) -> argparse.ArgumentParser:
        subparser = super().add_subparser(parser)
        subparser.add_argument(
            "--input-format",
            choices=("json", "text"),
            default="json",
            help="what a line of the input is: a record, or its text as it stands",
        )
        subparser.set_defaults(func=_predict)
        return subparser


def _predict(args: argparse.Namespace) -> None:
    if args.input_format == "text" and args.use_dataset_reader:
        raise ConfigurationError(
            "`--input-format text` has no meaning with `--use-dataset-reader`, which reads files "
            "in its own formats."
        )
    token = _input_format.set(args.input_format)
    try:
        predict._predict(args)
    finally:
        _input_format.reset(token)


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


def _text_record(line: Line, key: str) -> Union[dict[str, Any], RecordError]:
    return line.error or {key: line.text}


class PredictManager(predict._PredictManager):
    """
    Reads numbered lines, predicts them in batches, writes UTF-8 as it goes, and counts the errors.
    A pipe that nobody reads any more, and Ctrl-C, end it quietly; a full disk ends it with one
    sentence.
    """

    _output_file: Any

    def __init__(self, predictor, input_file: str, output_file, *args, **kwargs) -> None:
        super().__init__(predictor, input_file, None, *args, **kwargs)
        self._parse = _text_parser(predictor) if _input_format.get() == "text" else parse_line
        self._output_path = output_file
        check_overwrites_nothing(input_file, output_file, "--output-file")

    def run(self) -> None:
        with ended_quietly():
            self._predict_all()

    def _predict_all(self) -> None:
        if not isinstance(self._predictor, BertPredictor) or self._dataset_reader is not None:
            with open_output(self._output_path) as self._output_file:
                super().run()
            return
        # What is missing is missed before anything is written.
        with (
            open_input(self._input_file) as source,
            open_output(self._output_path) as self._output_file,
        ):
            self._predict_lines(self._predictor, read_lines(source, self._input_file))

    def _predict_lines(self, predictor: BertPredictor, lines: Iterator[Line]) -> None:
        records, errors = 0, 0
        for group in lazy_groups_of(Tqdm.tqdm(lines, desc="predicting"), self._batch_size):
            for line, output in zip(group, predict_lines(predictor, group, self._parse)):
                records += 1
                errors += "error" in output
                self._maybe_print_to_console_and_file(
                    line.number, predictor.dump_line(output), line.text.strip()
                )
        logger.info("%d records: %d predicted, %d with an error", records, records - errors, errors)
        if errors:
            logger.warning(
                "%d of %d records could not be predicted; see `error` in their output.",
                errors,
                records,
            )
        predictor._dataset_reader.report_truncation(self._input_file)

    def _maybe_print_to_console_and_file(self, *args: Any) -> None:
        with console_errors():
            super()._maybe_print_to_console_and_file(*args)

    def _predict_instances(self, batch_data: list[Instance]) -> Iterator[str]:
        if not isinstance(self._predictor, BertPredictor):
            yield from super()._predict_instances(batch_data)
            return
        for output in self._predictor.outputs_or_errors(batch_data):
            yield self._predictor.dump_line(self._predictor.output({}, output))


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
