"""CoNLL columns: a word and its tag on each line, a blank line after each sentence."""

import re
from itertools import groupby
from typing import Iterator, Mapping, Optional, Sequence

from allennlp.common.checks import ConfigurationError

from bert_classification.data.files import read_lines
from bert_classification.data.records import Columns, Record, RecordError
from bert_classification.token_classification.tag_schemes import split_tag

EXTENSIONS: Mapping[str, str] = dict.fromkeys(
    (".conll", ".txt", ".iob", ".bio", ".annotated", ".tsv"), "conll"
)


def read_columns(
    path: str, tag_scheme: str, columns: Optional[Columns] = None, encoding: str = "utf-8"
) -> Iterator[Record]:
    """
    Yields the sentences of a file, as records with `tokens` and `tags`; the line of a record is
    that of its first word. Lines that hold white space alone, and `-DOCSTART-` lines, stand between
    sentences.

    # Parameters

    path : `str`
        A file of 2 to 4 columns, divided by tabs or, in a line without tab, by blanks.
    tag_scheme : `str`
        The scheme of the tags.
    columns : `Mapping[str, int]`, optional
        The numbers of the columns `tokens` and `tags`, counted from 0, when these are not the first
        and the last; the file may then have any number of columns.
    encoding : `str`, optional (default = `utf-8`)

    # Raises

    `ConfigurationError` when the file holds no sentence. A sentence in which a line has not as many
    columns as the lines before it, or a tag that is not of the scheme, has an `error`.
    """
    width = 0
    for separates, lines in groupby(read_lines(path, encoding), lambda line: _separates(line[1])):
        if separates:
            continue
        rows = [(number, split_columns(line)) for number, line in lines]
        width = width or len(rows[0][1])
        try:
            _check(rows, path, tag_scheme, width, columns)
        except RecordError as error:
            yield Record({}, path, rows[0][0], error)
            continue
        word, tag = _tokens_and_tags(width, columns)
        tokens, tags = [row[word] for _, row in rows], [row[tag] for _, row in rows]
        yield Record({"tokens": tokens, "tags": tags}, path, rows[0][0])
    if not width:
        raise ConfigurationError(f"{path}: no sentence in this file; expected CoNLL columns.")


def to_columns(tokens: Sequence[str], tags: Sequence[str]) -> str:
    """
    Writes a sentence in two columns, divided by a tab, and the blank line after it. A tab or a line
    end in a word becomes a blank.
    """
    words = (re.sub(r"[\t\r\n]", " ", token) for token in tokens)
    return "".join(f"{word}\t{tag}\n" for word, tag in zip(words, tags)) + "\n"


def split_columns(line: str) -> list[str]:
    if "\t" not in line:
        return re.split(" +", line.strip(" "))
    # A word may be a blank of its own.
    return [column.strip(" ") or column for column in line.rstrip(" \t").split("\t")]


def _separates(line: str) -> bool:
    return not line.strip() or line.split()[0] == "-DOCSTART-"


def _tokens_and_tags(width: int, columns: Optional[Columns]) -> tuple[int, int]:
    columns_of = {"tokens": 0, "tags": width - 1, **(columns or {})}
    return int(columns_of["tokens"]), int(columns_of["tags"])


def _check(
    rows: list[tuple[int, list[str]]],
    path: str,
    tag_scheme: str,
    width: int,
    columns: Optional[Columns],
) -> None:
    for number, row in rows:
        try:
            _check_width(row, width, columns)
            word, tag = (row[column] for column in _tokens_and_tags(width, columns))
            split_tag(tag, tag_scheme)
            if not word:
                raise RecordError("`tokens`: the first column is empty; expected a word.")
        except RecordError as error:
            raise RecordError(f"{path}, line {number}: {error}") from error


def _check_width(row: list[str], width: int, columns: Optional[Columns]) -> None:
    if not columns and not 2 <= len(row) <= 4:
        raise RecordError(
            f"{len(row)} column{'s' * (len(row) > 1)}; expected 2 to 4, `tokens` in the first and "
            "`tags` in the last. For other files set `dataset_reader.columns`, for example to "
            '{"tokens": 1, "tags": 4}.'
        )
    if len(row) != width:
        raise RecordError(
            f"{len(row)} columns (`tokens`, ..., `tags`); the first line has {width}."
        )
    for key, column in (columns or {}).items():
        if not isinstance(column, int) or not 0 <= column < width:
            raise RecordError(
                f"`columns.{key}` is {column!r}; the line has {width} columns, counted from 0."
            )
