"""
The code blocks of the pages, as Sybil's examples. A page is one session in one directory:

- `bash` and `python` are run; a block with a `title` is written to the file of that name;
- `json`, `jsonl` and `jsonnet` are parsed, members of an object as if in braces;
- `text` and `console` are output, and only shown;
- `<!-- not run: REASON -->` before a block leaves it out;
- `<!-- gives: MESSAGE -->` before one says what it fails with, or warns of;
- `<!-- given: NAME from PATH -->` puts a file of the repository into the directory.

Any other language, form or comment fails.
"""

import io
import json
import logging
import re
import shutil
from pathlib import Path
from typing import Callable, Iterator, NamedTuple, Optional

import _jsonnet
from sybil import Document, Example, Region, Sybil
from sybil.parsers.markdown.lexers import RawFencedCodeBlockLexer

from tests.docs.shell import Shell
from tests.support import FIXTURES, ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
GIVEN = (FIXTURES, ROOT / "tests" / "docs" / "given")
INFO = re.compile(r"(?P<info>[^\n]*)\n?")
TITLE = re.compile(r'\btitle="([^"]+)"')
COMMENT = re.compile(r"<!--(.*?)-->", re.DOTALL)
STEERING = re.compile(
    r"\s*(?:not run: (?P<reason>\S.*?)|gives: (?P<message>\S.*?)"
    r"|given: (?P<name>\S+) from (?P<path>\S+))\s*"
)


class Page(NamedTuple):
    """
    What the blocks of a page are run with; an example finds it in its namespace under `PAGE`.

    shell : `Shell`
    directory : `Path`
        Where a block with a title is written.
    """

    shell: Shell
    directory: Path


PAGE = "__page__"


def _within(page: Page, name: str) -> Path:
    """Gives a path in the page's directory, and makes the directory that it lies in."""
    path = (page.directory / name).resolve()
    assert path.is_relative_to(page.directory.resolve()), f"{name} is outside of the directory"
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _write(example: Example, name: str) -> None:
    _within(example.namespace[PAGE], name).write_text(example.parsed, encoding="utf-8")


def _run_bash(example: Example) -> None:
    example.namespace[PAGE].shell.run(example.parsed)


def _run_python(example: Example) -> None:
    # Behind the lines that stand above it, a traceback has the page's numbers.
    source = "\n" * example.line + example.parsed
    exec(compile(source, example.path, "exec"), example.namespace)


def _output_of(example: Example) -> str:
    """Gives what a block that may fail writes, logs or raises."""
    if example.region.lexemes["info"].strip() == "bash":
        return example.namespace[PAGE].shell.run(example.parsed, may_fail=True)
    logged = io.StringIO()
    handler = logging.StreamHandler(logged)
    logging.root.addHandler(handler)
    try:
        _run_python(example)
    except Exception as error:
        return str(error)
    finally:
        logging.root.removeHandler(handler)
    return logged.getvalue()


def _as_object(source: str) -> str:
    """Puts members of an object in braces."""
    return f"{{{source}}}" if re.match(r"\s*[\w\"'.+]+\s*:", source) else source


def _parse_json(example: Example) -> None:
    json.loads(_as_object(example.parsed))


def _parse_lines(example: Example) -> None:
    for line in example.parsed.splitlines():
        json.loads(line)


def _parse_jsonnet(example: Example) -> None:
    _jsonnet.evaluate_snippet(example.path, _as_object(example.parsed))


def _show(example: Example) -> None:
    pass


LANGUAGES: dict[str, Callable[[Example], None]] = {
    "bash": _run_bash,
    "python": _run_python,
    "json": _parse_json,
    "jsonl": _parse_lines,
    "jsonnet": _parse_jsonnet,
    "text": _show,
    "console": _show,
}


def _run_block(example: Example) -> Optional[str]:
    """Gives what is wrong with a block, to which Sybil adds its place."""
    info = example.region.lexemes["info"].strip()
    title, steering = TITLE.search(info), example.region.lexemes["steering"]
    if steering.get("reason"):
        return None
    if steering.get("message"):
        output = _output_of(example)
        said = steering["message"] in output
        return None if said else f"{steering['message']!r} is not in its output:\n{output[-6000:]}"
    if title is None and info not in LANGUAGES:
        return f"without a title a block is one of {[*LANGUAGES]}, and not {info!r}"
    try:
        _write(example, title[1]) if title else LANGUAGES[info](example)
    except (AssertionError, RuntimeError, ValueError) as error:
        return f"{type(error).__name__}: {error}"
    return None


def _put_file(example: Example) -> None:
    name, path = example.parsed
    source = (ROOT / path).resolve()
    assert any(source.is_relative_to(each) for each in GIVEN), f"{path} may not be given"
    put = shutil.copytree if source.is_dir() else shutil.copyfile
    put(source, _within(example.namespace[PAGE], name))


def _steering_before(document: Document, start: int) -> dict[str, str]:
    """Gives what the comment right before a block says of it."""
    before = document.text[:start].rstrip()
    comments = [each for each in COMMENT.finditer(before) if each.end() == len(before)]
    steering = STEERING.fullmatch(comments[0][1]) if comments else None
    return steering.groupdict() if steering else {}


def _blocks(document: Document) -> Iterator[Region]:
    for region in RawFencedCodeBlockLexer(INFO)(document):
        region.lexemes["steering"] = _steering_before(document, region.start)
        region.parsed, region.evaluator = region.lexemes["source"], _run_block
        yield region


def _comments(document: Document) -> Iterator[Region]:
    blocks = list(_blocks(document))
    for comment in COMMENT.finditer(document.text):
        if any(block.start < comment.start() < block.end for block in blocks):
            continue
        steering = STEERING.fullmatch(comment[1])
        place = f"{document.path}, {document.line_column(comment.start())}"
        assert steering, f"{place}: {comment[0]} is no comment that steers a block"
        if steering["name"]:
            parsed = (steering["name"], steering["path"])
            yield Region(comment.start(), comment.end(), parsed, _put_file)
        else:
            follows = document.text[comment.end() :].lstrip().startswith(("```", "~~~"))
            assert follows, f"{place}: no block stands behind {comment[0]}"


BLOCKS = Sybil([_blocks, _comments])


def run_page(path: Path, page: Page) -> None:
    document = BLOCKS.parse(path)
    document.namespace.update({PAGE: page, "__name__": "page"})
    for example in document.examples():
        example.evaluate()


def blocks_not_run() -> list[str]:
    """Gives the place of each block that is left out, with the reason."""
    return [
        f"{path.relative_to(ROOT)}, line {example.line}: {reason}"
        for path in PAGES
        for example in BLOCKS.parse(path).examples()
        if (reason := example.region.lexemes.get("steering", {}).get("reason"))
    ]
