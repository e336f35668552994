"""Documents with character spans in the files of spaCy (`.spacy`) and brat (`.txt` and `.ann`)."""

import os
import re
from pathlib import Path
from typing import Any, Iterator

from allennlp.common.checks import ConfigurationError

from bert_classification.data.files import open_bytes, open_text, read_lines


def read_docs(path: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yields the documents of a `DocBin` of spaCy, each with its number, counted from 1."""
    from spacy.tokens import DocBin
    from spacy.vocab import Vocab

    with open_bytes(path) as file:
        data = file.read()
    try:
        docs = list(DocBin().from_bytes(data).get_docs(Vocab()))
    except Exception as error:  # What is no msgpack fails in any way.
        raise ConfigurationError(
            f"{path}: no DocBin of spaCy ({type(error).__name__}); expected what "
            "`DocBin.to_disk` writes."
        ) from error
    for number, doc in enumerate(docs, 1):
        yield number, values_of_doc(doc)


def values_of_doc(doc: Any) -> dict[str, Any]:
    """Makes the values of a record of a document of spaCy, its words where spaCy has them."""
    tokens = [(token.idx, token.idx + len(token)) for token in doc if not token.is_space]
    entities = [(each.start_char, each.end_char, each.label_) for each in doc.ents]
    values: dict[str, Any] = {
        "text": doc.text,
        "tokens": [{"start": start, "end": end} for start, end in tokens],
        "entities": [dict(zip(("start", "end", "type"), entity)) for entity in entities],
    }
    if doc.cats:
        values["label"] = [name for name, score in doc.cats.items() if score >= 0.5]
    return values


def has_brat(path: str) -> bool:
    """Tells whether there are files of brat in a directory."""
    return next(Path(path).rglob("*.ann"), None) is not None


def read_brat(path: str, encoding: str = "utf-8") -> Iterator[tuple[str, dict[str, Any]]]:
    """
    Yields the documents of brat, each with the name of its `.ann` file: of one, or of all in a
    directory and those below it. The text is that of the `.txt` file beside it. Of a span in
    several parts, `parts` has them all.
    """
    files = sorted(map(str, Path(path).rglob("*.ann"))) if os.path.isdir(path) else [path]
    for file in files:
        text_file = re.sub(r"\.ann$", ".txt", file)
        with open_text(text_file, encoding) as lines:
            text = "".join(lines)
        entities = [
            _brat_span(file, number, line)
            for number, line in read_lines(file, encoding)
            if line.startswith("T")
        ]
        yield file, {"id": Path(file).stem, "text": text, "entities": entities}


def _brat_span(file: str, number: int, line: str) -> dict[str, Any]:
    found = re.fullmatch(r"(T\S+)\t(\S+) (\d+ \d+(?:;\d+ \d+)*)\t(.*)", line)
    if not found:
        raise ConfigurationError(
            f"{file}, line {number}: no text-bound annotation of brat; expected "
            "`T1<tab>TYPE START END<tab>TEXT`."
        )
    name, kind, offsets, text = found.groups()
    parts = [[int(each) for each in part.split()] for part in offsets.split(";")]
    span = {"start": parts[0][0], "end": parts[-1][1], "type": kind}
    whole = {"text": text} if len(parts) == 1 else {"parts": parts}
    return {"name": f"{name}, line {number}", **span, **whole}
