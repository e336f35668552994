"""
`allennlp predict` for our predictors: an output line for each line that is not blank, whatever
stands in it.

AllenNLP's command dies at the first bad line, writes in the encoding of the locale and keeps output
back. `PredictManager` takes the place of its class that walks over the lines, for our predictors
only.
"""

import logging
import os
import sys
from contextlib import contextmanager, nullcontext, suppress
from typing import Any, ContextManager, Iterable, Iterator, NamedTuple, Optional, Union

from allennlp.commands import predict
from allennlp.common.checks import ConfigurationError
from allennlp.common.tqdm import Tqdm
from allennlp.common.util import lazy_groups_of
from allennlp.data import Instance

from bert_classification.commands.output import aside_of, is_same_file, open_output, unwritable
from bert_classification.data.files import DAMAGED, damaged, open_bytes
from bert_classification.data.outcomes import replace_successes, successes
from bert_classification.data.records import RecordError, parse_json_line
from bert_classification.predictor import BertPredictor

logger = logging.getLogger(__name__)

# As a shell counts what a signal has ended.
CLOSED_PIPE, INTERRUPTED = 128 + 13, 128 + 2


class Line(NamedTuple):
    """A line of the input, its number, and why it is no text, if so."""

    number: int
    text: str
    error: Optional[RecordError] = None


class PredictManager(predict._PredictManager):
    """
    Reads numbered lines, predicts them in batches, writes UTF-8 as it goes, and counts the errors.
    A pipe that nobody reads any more, and Ctrl-C, end it quietly.
    """

    _output_file: Any

    def __init__(self, predictor, input_file: str, output_file, *args, **kwargs) -> None:
        super().__init__(predictor, input_file, None, *args, **kwargs)
        self._output_path = output_file
        for path in (output_file, output_file and aside_of(output_file)):
            if is_same_file(input_file, path):
                raise ConfigurationError(
                    f"`--output-file` {output_file} would overwrite the input file; name another."
                )

    def run(self) -> None:
        if hasattr(sys.stdout, "reconfigure"):
            # A console that does not know a character gets its escape.
            sys.stdout.reconfigure(errors="backslashreplace")
        try:
            self._predict_all()
            with _console_errors():
                sys.stdout.flush()
        except BrokenPipeError:
            _close_standard_output()
            sys.exit(CLOSED_PIPE)
        except KeyboardInterrupt:
            sys.exit(INTERRUPTED)

    def _predict_all(self) -> None:
        if not isinstance(self._predictor, BertPredictor) or self._dataset_reader is not None:
            with open_output(self._output_path) as self._output_file:
                super().run()
            return
        # What is missing is missed before anything is written.
        with self._open_input() as source, open_output(self._output_path) as self._output_file:
            self._predict_lines(self._predictor, _read_lines(source, self._input_file))

    def _open_input(self) -> ContextManager[Iterable[Any]]:
        if self._input_file != "-":
            return open_bytes(self._input_file)
        return nullcontext(getattr(sys.stdin, "buffer", sys.stdin))

    def _predict_lines(self, predictor: BertPredictor, lines: Iterator[Line]) -> None:
        records, errors = 0, 0
        for group in lazy_groups_of(Tqdm.tqdm(lines, desc="predicting"), self._batch_size):
            for line, output in zip(group, predict_lines(predictor, group)):
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
        with _console_errors():
            super()._maybe_print_to_console_and_file(*args)

    def _predict_instances(self, batch_data: list[Instance]) -> Iterator[str]:
        if not isinstance(self._predictor, BertPredictor):
            yield from super()._predict_instances(batch_data)
            return
        for output in self._predictor.outputs_or_errors(batch_data):
            yield self._predictor.dump_line(self._predictor.output({}, output))


def _read_lines(source: Iterable[Any], path: str) -> Iterator[Line]:
    """Yields the lines that are not blank, each decoded by itself; a byte-order mark is dropped."""
    number = 0
    try:
        for data in source:
            data = data.encode(errors="surrogateescape") if isinstance(data, str) else data
            for part in data.splitlines():
                number += 1
                line = _decode(part.removeprefix(b"\xef\xbb\xbf") if number == 1 else part, number)
                if line.text.strip():
                    yield line
    except DAMAGED as error:
        raise damaged(path, error) from error
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be read ({error.strerror}).") from error


def _decode(data: bytes, number: int) -> Line:
    try:
        return Line(number, data.decode())
    except UnicodeDecodeError as error:
        reason = f"the line: not UTF-8 text ({error.reason}, byte {error.start + 1})."
        return Line(number, data.decode(errors="backslashreplace"), RecordError(reason))


def predict_lines(predictor: BertPredictor, lines: list[Line]) -> list[dict]:
    """Predicts each line of JSON; an error has the line's number beside it."""
    records = [_parse(line) for line in lines]
    predicted = predictor.predict_batch_json(successes(records))
    outputs = [
        {"error": str(each)} if isinstance(each, RecordError) else each
        for each in replace_successes(records, predicted)
    ]
    return [
        {**output, "line": line.number} if "error" in output else output
        for line, output in zip(lines, outputs)
    ]


def _parse(line: Line) -> Union[dict[str, Any], RecordError]:
    try:
        return line.error or parse_json_line(line.text, "the line")
    except RecordError as error:
        return error


@contextmanager
def _console_errors() -> Iterator[None]:
    """Words what standard output raises; what no one reads any more is the caller's matter."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        _close_standard_output()
        raise unwritable("standard output", error) from error


def _close_standard_output() -> None:
    # The interpreter would complain of what it cannot write at its end.
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
