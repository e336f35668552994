"""
The JSON lines that commands read and write: an output line for each line that is not blank,
whatever stands in it.
"""

import argparse
import os
import sys
from contextlib import contextmanager, nullcontext, suppress
from typing import Any, Callable, ContextManager, Iterable, Iterator, NamedTuple, Optional, Union

from allennlp.common.checks import ConfigurationError
from allennlp.common.tqdm import Tqdm
from allennlp.common.util import JsonDict, lazy_groups_of

from bert_classification.commands.output import (
    OutputError,
    aside_of,
    is_same_file,
    open_output,
    unwritable,
)
from bert_classification.commands.study_page import StudyPage
from bert_classification.data.files import DAMAGED, gzip_error, open_bytes
from bert_classification.data.outcomes import replace_successes, successes
from bert_classification.data.records import RecordError, parse_json_line
from bert_classification.predictor import BertPredictor

# As a shell counts what a signal has ended.
CLOSED_PIPE, INTERRUPTED = 128 + 13, 128 + 2

Answers = list[Union[JsonDict, Exception]]


class Line(NamedTuple):
    """A line of the input, its number, and why it is no text, if so; or what was read of it."""

    number: int
    text: str
    error: Optional[RecordError] = None
    values: Optional[dict[str, Any]] = None


def check_overwrites_nothing(input_path: str, output_path: Optional[str], option: str) -> None:
    """Raises `ConfigurationError` when an output would take the place of the input."""
    for path in (output_path, output_path and aside_of(output_path)):
        if is_same_file(input_path, path):
            raise ConfigurationError(
                f"`{option}` {output_path} would overwrite the input file; name another."
            )


def open_input(path: str) -> ContextManager[Iterable[Any]]:
    """Opens a file for its bytes, or standard input, which is `-`."""
    if path != "-":
        return open_bytes(path)
    return nullcontext(getattr(sys.stdin, "buffer", sys.stdin))


def read_lines(source: Iterable[Any], path: str) -> Iterator[Line]:
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
        raise gzip_error(path, error) from error
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be read ({error.strerror}).") from error


def _decode(data: bytes, number: int) -> Line:
    try:
        return Line(number, data.decode())
    except UnicodeDecodeError as error:
        reason = f"the line: not UTF-8 text ({error.reason}, byte {error.start + 1})."
        return Line(number, data.decode(errors="backslashreplace"), RecordError(reason))


def parse_line(line: Line) -> Union[dict[str, Any], RecordError]:
    """Reads the JSON of a line, or gives the reason why it is none."""
    if line.values is not None:
        return line.values
    try:
        return line.error or parse_json_line(line.text, "the line")
    except RecordError as error:
        return error


def answer_lines(
    predictor: BertPredictor,
    input_path: str,
    output_path: Optional[str],
    answer: Callable[[list[JsonDict]], Answers],
    at_once: int = 1,
    page: Optional[StudyPage] = None,
) -> None:
    """
    Writes what `answer` gives for the records of a file, `at_once` of them in a call: to a file, or
    to standard output, and to a page where there is one. An exception in the place of an answer
    becomes an error with the line's number.
    """
    check_overwrites_nothing(input_path, output_path, "--output")
    if page is not None:
        check_overwrites_nothing(input_path, page.path, "--html")
    with (
        ended_quietly(),
        open_input(input_path) as source,
        open_output(output_path) as output,
    ):
        lines = Tqdm.tqdm(read_lines(source, input_path), desc="records")
        for group in lazy_groups_of(lines, at_once):
            for record, answered in _answer_group(predictor, group, answer):
                if page is not None:
                    page.add(record, answered)
                text = BertPredictor.dump_line(predictor, answered)
                if output is None:
                    with console_errors():
                        print(text, end="")
                else:
                    output.write(text)
        if page is not None:
            page.write()


def _answer_group(
    predictor: BertPredictor, lines: list[Line], answer: Callable[[list[JsonDict]], Answers]
) -> Iterator[tuple[Any, JsonDict]]:
    parsed = [parse_line(line) for line in lines]
    answers = answer(successes(parsed)) if successes(parsed) else []
    for line, record, each in zip(lines, parsed, replace_successes(parsed, answers)):
        output = predictor.output(record if isinstance(record, dict) else {}, each)
        number = {"line": line.number} if "error" in output else {}
        yield record, {**output, **number}


def page_of(args: argparse.Namespace, title: str) -> Optional[StudyPage]:
    """Makes the page that the command line asks for, if it does."""
    return None if args.html is None else StudyPage(args.html, title)


def each_alone(answer: Callable[[JsonDict], JsonDict]) -> Callable[[list[JsonDict]], Answers]:
    """
    Lets an answer for one record be one for several. What is wrong with a record stands in its
    place; what is wrong with the task or an option ends the command.
    """

    def answer_or_error(record: JsonDict) -> Union[JsonDict, Exception]:
        try:
            return answer(record)
        except Exception as error:
            if isinstance(error, ConfigurationError) and not isinstance(error, RecordError):
                raise
            return error

    return lambda records: [answer_or_error(record) for record in records]


def add_files(subparser: argparse.ArgumentParser) -> None:
    """Adds what the commands that write JSON lines have in common."""
    subparser.add_argument("data", help="JSON lines, as for `allennlp predict`; `-` reads them")
    subparser.add_argument("-o", "--output", help="the file to write (default: standard output)")
    subparser.add_argument("--html", help="a page to look at, beside the lines (default: none)")
    subparser.add_argument("--cuda-device", type=int, default=-1, help="id of GPU to use (if any)")


@contextmanager
def ended_quietly() -> Iterator[None]:
    """
    Lets a pipe that nobody reads any more, and Ctrl-C, end the command without a word, and a full
    disk with one sentence.
    """
    if hasattr(sys.stdout, "reconfigure"):
        # A console that does not know a character gets its escape.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        yield
        with console_errors():
            sys.stdout.flush()
    except BrokenPipeError:
        _close_standard_output()
        sys.exit(CLOSED_PIPE)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except OutputError as error:
        sys.exit(str(error))


@contextmanager
def console_errors() -> Iterator[None]:
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
