"""RACE: JSON objects that hold an article with several questions, each of which is a record."""

from pathlib import Path
from typing import Iterator

from bert_classification.data.files import open_text
from bert_classification.data.records import Record, RecordError, describe, parse_json_line

SINGULAR = {"questions": "question", "options": "options", "answers": "answer"}


def read_articles(path: str, encoding: str = "utf-8") -> Iterator[Record]:
    """
    Yields the articles of a RACE file, which holds one and may spread it over several lines, or of
    the `.txt` files in a directory and those below it.
    """
    directory = Path(path)
    files = sorted(map(str, directory.rglob("*.txt"))) if directory.is_dir() else [path]
    if not files:
        raise RecordError(f"{path}: no file that ends in .txt in this directory.")
    for file in files:
        with open_text(file, encoding) as lines:
            yield Record(parse_json_line("".join(lines), f"{file}, line 1"), file, 1)


def questions_of(article: Record) -> Iterator[Record]:
    """
    Yields a record for each question of an article; a record of another shape is yielded as it is.

    # Raises

    `RecordError` that names file, line and key, when the lists differ in length.
    """
    if "questions" not in article.values:
        yield article
        return
    lists = {key: article.values[key] for key in SINGULAR if key in article.values}
    for key, entries in lists.items():
        if not entries or not isinstance(entries, list) or len(entries) != len(lists["questions"]):
            raise RecordError(
                f"{article.location}: `{key}`: expected a list with an entry for each of the "
                f"questions, got {describe(entries)}."
            )
    shared = {key: value for key, value in article.values.items() if key not in lists}
    for number, entries in enumerate(zip(*lists.values()), 1):
        values = {**shared, **dict(zip((SINGULAR[key] for key in lists), entries))}
        yield Record(values, f"{article.file}, question {number}", article.line)
