"""What the demo says at its end: the model, its metrics, new sentences, and what to try next."""

import json
import shutil
import textwrap
from pathlib import Path
from typing import Any, Iterator

from bert_classification.bert.checkpoint import resolve_checkpoint

WORDS, LEAST = 3, 0.05
"""How many words are told of an answer, and what each has to add to its log-probability."""


def summary(directory: Path, train: str, dev: str, new: str) -> str:
    """Writes the page of a trained demo."""
    archive = directory / "model.tar.gz"
    parts = [
        _title("The model"),
        *_model(directory, train),
        _title("How good it is"),
        *_metrics(directory, dev),
        _title("New sentences, and the words that counted most for each answer"),
        *_predictions(directory, new),
        _title("What to try next"),
        f"  allennlp serve --archive-path {archive}",
        "      asks the model in a browser, on http://127.0.0.1:8000",
        f'  echo \'{{"text": "What a lovely day."}}\' | allennlp explain {archive} -',
        f"      explains an answer; {directory / 'explanations.html'} shows those above",
        "  allennlp init-config classification --train YOURS.csv --dev MORE.csv > my.jsonnet",
        "      proposes a config for data of your own",
    ]
    return "\n".join(parts)


def _title(text: str) -> str:
    return f"\n{text}\n{'-' * len(text)}"


def _model(directory: Path, train: str) -> Iterator[str]:
    labels = (directory / "vocabulary" / "labels.txt").read_text(encoding="utf-8").split("\n")
    config = resolve_checkpoint(str(directory)).config
    archive = directory / "model.tar.gz"
    text = (
        f"{archive} ({archive.stat().st_size / 1e6:.0f} MB) tells whether a text is "
        f"{_or([label for label in labels if label])}. It is a BERT of {config.num_hidden_layers} "
        f"layers, {config.hidden_size} wide, that reads up to {config.max_position_embeddings} "
        f"word pieces of {config.vocab_size:,}, fine-tuned on the {_count(train)} sentences in "
        f"{train}. It needs no other file."
    )
    yield from _wrap(text)


def _metrics(directory: Path, dev: str) -> Iterator[str]:
    metrics = json.loads((directory / "evaluation.json").read_text(encoding="utf-8"))
    each = [f"{value:.2f} {key[3:]}" for key, value in metrics.items() if key.startswith("f1/")]
    yield from _wrap(
        f"Of the {_count(dev)} sentences in {dev}, which it has not learnt from, it gives "
        f"{metrics['accuracy']:.0%} the right label. F1 by label: {', '.join(each)}."
    )


def _predictions(directory: Path, new: str) -> Iterator[str]:
    for record, explained in zip(_read(Path(new)), _read(directory / "explanations.jsonl")):
        output = explained["prediction"]
        yield f"  {output['label']:<9}{max(output['probs']):4.0%}  {_text(record)}"
        if words := _words(explained):
            yield f"{'':17}{words}"


def _read(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        yield from (json.loads(line) for line in lines if not line.isspace())


def _text(record: dict[str, Any]) -> str:
    width = shutil.get_terminal_size((100, 24)).columns - 17
    texts = [record[key] for key in ("text", "text_pair") if key in record]
    return textwrap.shorten(" | ".join(texts), max(40, width), placeholder=" ...")


def _words(explained: dict[str, Any]) -> str:
    """Lists the words that spoke most for the answer."""
    words = sorted(explained["words"], key=lambda word: -word["score"])[:WORDS]
    told = [word for word in words if word["score"] >= LEAST]
    return ", ".join(f"{word['text']} +{word['score']:.1f}" for word in told)


def _count(path: str) -> int:
    return sum(1 for _ in _read(Path(path)))


def _or(words: list[str]) -> str:
    return f"{', '.join(words[:-1])} or {words[-1]}" if len(words) > 1 else "".join(words)


def _wrap(text: str) -> list[str]:
    return textwrap.wrap(text, 96, initial_indent="  ", subsequent_indent="  ")
