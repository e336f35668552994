"""
Parts of public data sets, each in its own format: what both sides of a comparison read.

A part is spread evenly over its file, as some files are sorted by where their texts come from.
"""

import json
import re
from pathlib import Path
from typing import Iterator, NamedTuple, Sequence, TypeVar

T = TypeVar("T")

SQUAD_TRAIN_ARTICLES = 38
WIKITEXT_TRAIN_ARTICLES = 50


class Files(NamedTuple):
    train: Path
    dev: Path


class Amounts(NamedTuple):
    """How much of the data to take, in the unit of a task."""

    train: int
    dev: int


def spread(items: Sequence[T], count: int) -> list[T]:
    """Takes so many items at equal distances; all where there are no more."""
    count = min(count, len(items))
    return [items[index * len(items) // count] for index in range(count)]


def sst2(data: Path, directory: Path, amounts: Amounts) -> Files:
    return _tables(data / "sentence_classification/SST-2", directory, amounts, header=1)


def stsb(data: Path, directory: Path, amounts: Amounts) -> Files:
    return _tables(data / "regression/STS-B_GLUE", directory, amounts, header=1)


def goemotions(data: Path, directory: Path, amounts: Amounts) -> Files:
    source = data / "multilabel/GoEmotions"
    (directory / "labels.txt").write_bytes((source / "labels.txt").read_bytes())
    return _tables(source, directory, amounts, header=0)


def commonsense(data: Path, directory: Path, amounts: Amounts) -> Files:
    source = data / "multiple_choice/CommonsenseQA"
    sources = (source / "train_rand_split.head6000.jsonl", source / "dev_rand_split.jsonl")
    return _parts(sources, directory, ".jsonl", amounts, header=0)


def wnut17(data: Path, directory: Path, amounts: Amounts) -> Files:
    source = data / "token_classification/WNUT17"
    names = ("wnut17train.conll", "emerging.dev.conll")
    parts = []
    for name, count in zip(names, amounts):
        # Of the training data many sentences are divided by a line that holds a tab.
        sentences = re.split(r"\n\s*\n", (source / name).read_text(encoding="utf-8").strip())
        parts.append("\n\n".join(spread(sentences, count)) + "\n")
    return _write(directory, ".conll", *parts)


def squad(data: Path, directory: Path, amounts: Amounts) -> Files:
    """Takes questions of the first articles to train, and of the others to test."""
    whole = json.loads((data / "extractive_qa/squad_v1.1/dev-v1.1.json").read_text("utf-8"))
    articles = whole["data"]
    sides = (articles[:SQUAD_TRAIN_ARTICLES], articles[SQUAD_TRAIN_ARTICLES:])
    parts = [_with_questions(side, count) for side, count in zip(sides, amounts)]
    return _write(directory, ".json", *(json.dumps({"data": part}) for part in parts))


def _with_questions(articles: list[dict], count: int) -> list[dict]:
    questions = [q for a in articles for p in a["paragraphs"] for q in p["qas"]]
    kept = {question["id"] for question in spread(questions, count)}
    return [
        {
            "paragraphs": [
                {**paragraph, "qas": [q for q in paragraph["qas"] if q["id"] in kept]}
                for paragraph in article["paragraphs"]
            ]
        }
        for article in articles
    ]


def running_text(data: Path, directory: Path, amounts: Amounts) -> Files:
    """Takes as many paragraphs as have so many words; a blank line ends each."""
    parts = []
    for articles, words in zip(_articles(data), amounts):
        paragraphs = [line for article in articles for line in article]
        length = sum(len(line.split()) for line in paragraphs)
        part = spread(paragraphs, max(1, len(paragraphs) * words // length))
        parts.append("".join(f"{line}\n\n" for line in part))
    return _write(directory, ".txt", *parts)


def documents(data: Path, directory: Path, amounts: Amounts) -> Files:
    """Takes so many sentences, one a line, the first ones of each article, a document each."""
    parts = []
    for articles, count in zip(_articles(data), amounts):
        each = max(2, count // len(articles))
        parts.append("\n".join("".join(list(_sentences(a))[:each]) for a in articles))
    return _write(directory, ".txt", *parts)


def _articles(data: Path) -> tuple[list[list[str]], list[list[str]]]:
    """Reads the paragraphs of each article, without headings; those to train, and the others."""
    text = (data / "language_modeling/wikitext-2-raw/wiki.valid.raw").read_text(encoding="utf-8")
    articles: list[list[str]] = []
    for line in filter(None, map(str.strip, text.splitlines())):
        if re.fullmatch("= [^=].*[^=] =", line):
            articles.append([])
        elif not line.startswith("="):
            articles[-1].append(line)
    articles = [article for article in articles if article]
    return articles[:WIKITEXT_TRAIN_ARTICLES], articles[WIKITEXT_TRAIN_ARTICLES:]


def _sentences(paragraphs: list[str]) -> Iterator[str]:
    """WikiText has its words apart, so a period with blanks on both sides ends a sentence."""
    for paragraph in paragraphs:
        for sentence in re.split(r"(?<= [.!?]) ", paragraph):
            yield f"{sentence.strip()}\n"


def _tables(source: Path, directory: Path, amounts: Amounts, header: int) -> Files:
    sources = (source / "train.tsv", source / "dev.tsv")
    return _parts(sources, directory, ".tsv", amounts, header)


def _parts(
    sources: Sequence[Path], directory: Path, suffix: str, amounts: Amounts, header: int
) -> Files:
    parts = []
    for source, count in zip(sources, amounts):
        # Other characters than a line feed may end a line for `splitlines`.
        lines = source.read_text(encoding="utf-8").rstrip("\n").split("\n")
        part = [*lines[:header], *spread(lines[header:], count)]
        parts.append("\n".join(part) + "\n")
    return _write(directory, suffix, *parts)


def _write(directory: Path, suffix: str, train: str, dev: str) -> Files:
    files = Files(directory / f"train{suffix}", directory / f"dev{suffix}")
    for path, text in zip(files, (train, dev)):
        path.write_text(text, encoding="utf-8")
    return files
