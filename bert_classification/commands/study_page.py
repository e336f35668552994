"""What `explain`, `attack` and `influence` found, as one HTML file that loads nothing else."""

import json
import re
from difflib import SequenceMatcher
from html import escape
from importlib import resources
from typing import Any, Iterator

from allennlp.common.util import JsonDict

from bert_classification.commands.output import open_output
from bert_classification.data.json_values import dump_json

MAX_CARDS = 500
"""Records on a page; the JSON lines have them all."""

_STYLE = """
main { display: block; }
.cards { display: grid; gap: 1.25rem; margin-top: 1.5rem; }
.cards > article { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 1.1rem 1.3rem; }
.cards h2 { font-size: 1.05rem; }
.cards p { font-family: var(--serif); margin-top: 0.6rem; white-space: pre-wrap; overflow-wrap: anywhere; }
.cards .soft { font-family: var(--sans); font-size: 0.9rem; }
.for, .against { border-radius: 3px; border-bottom: 2px solid transparent; }
.for { background: rgb(var(--shade) / calc(var(--share) * 0.5)); border-color: var(--accent); }
.against { background: color-mix(in srgb, var(--warn) calc(var(--share) * 40%), transparent); border-color: var(--warn); }
.cards ol { margin-top: 0.6rem; padding-left: 1.4rem; }
.cards li { margin-top: 0.3rem; overflow-wrap: anywhere; }
"""  # noqa: E501


class StudyPage:
    """
    Collects records and what was found of them, and writes the page at the end.

    # Parameters

    path : `str`
        The file to write.
    title : `str`
    """

    def __init__(self, path: str, title: str) -> None:
        self.path, self._title = path, title
        self._cards: list[str] = []
        self._count = 0

    def add(self, record: Any, output: JsonDict) -> None:
        """Takes a record, as it was read, and the line of output for it."""
        self._count += 1
        if len(self._cards) < MAX_CARDS:
            self._cards.append(_card(self._count, record, output))

    def write(self) -> None:
        """
        Writes the page.

        # Raises

        `OutputError` when it cannot be written.
        """
        style = resources.files("bert_classification.serving") / "static" / "style.css"
        more = self._count - len(self._cards)
        rest = f"<p class=soft>{more} more records are in the JSON lines.</p>" if more else ""
        page = (
            '<!doctype html><html lang="en"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            '<meta http-equiv="Content-Security-Policy" '
            "content=\"default-src 'none'; style-src 'unsafe-inline'\">"
            f"<title>{escape(self._title)}</title>"
            f"<style>{style.read_text(encoding='utf-8')}{_STYLE}</style></head><body><main>"
            f'<h1>{escape(self._title)}</h1><section class="cards">{"".join(self._cards)}'
            f"</section>{rest}</main></body></html>\n"
        )
        with open_output(self.path) as output:
            assert output is not None
            output.write(page.encode(errors="backslashreplace").decode())


def _card(number: int, record: Any, output: JsonDict) -> str:
    if "error" in output:
        return f"<article><h2>{number}. No answer</h2><p>{escape(output['error'])}</p></article>"
    heading = f"<h2>{number}. {_answer(output['prediction'])}</h2>"
    return f"<article>{heading}{_body(record, output)}</article>"


def _body(record: Any, output: JsonDict) -> str:
    if "words" in output:
        return "".join(_shaded(record, output["words"]))
    if "supporting" in output:
        return "".join(
            f"<p class=soft>{'For it' if kind == 'supporting' else 'Against it'}</p>"
            f"<ol>{''.join(map(_example, output[kind]))}</ol>"
            for kind in ("supporting", "opposing")
        )
    changes = "".join(_changed(record, output["texts"]))
    now = "Now" if output.get("flips") is not None and output["changed"] else "Still"
    return f"{changes}<p class=soft>{now}: {_answer(output['final'])}</p>"


def _answer(prediction: JsonDict) -> str:
    """Words the answer of any task: what comes before the probabilities, or is named first."""
    keys = ("label", "labels", "answer", "choice", "score", "tags", "text")
    key = next((key for key in keys if key in prediction), None)
    value = prediction[key] if key else {k: prediction[k] for k in list(prediction)[:1]}
    text = value if isinstance(value, str) else dump_json(value)
    probs = prediction.get("probs")
    sure = f", {max(probs):.0%}" if key == "label" and isinstance(probs, list) else ""
    return escape(text[:300] + sure)


def _text(record: Any, item: JsonDict) -> str:
    """Finds the text that a word or a changed text is of."""
    value = record.get(item["key"], record.get("sentence", ""))
    return str(value[item["choice"]] if "choice" in item else value)


def _shaded(record: Any, words: list[JsonDict]) -> Iterator[str]:
    most = max((abs(word["score"]) for word in words), default=0.0) or 1.0
    texts: dict[tuple[str, Any], list[JsonDict]] = {}
    for word in words:
        texts.setdefault((word["key"], word.get("choice")), []).append(word)
    for of_text in texts.values():
        text, parts, end = _text(record, of_text[0]), [], 0
        for word in sorted(of_text, key=lambda each: each["start"]):
            side = "for" if word["score"] >= 0 else "against"
            share = abs(word["score"]) / most
            parts.append(
                f"{escape(text[end : word['start']])}"
                f'<span class="{side}" style="--share: {share:.3f}" title="{word["score"]:.4g}">'
                f"{escape(text[word['start'] : word['end']])}</span>"
            )
            end = word["end"]
        yield f"<p>{''.join(parts)}{escape(text[end:])}</p>"


def _changed(record: Any, texts: list[JsonDict]) -> Iterator[str]:
    for item in texts:
        before, after = (
            re.findall(r"\s+|\w+|[^\w\s]", t) for t in (_text(record, item), item["text"])
        )
        parts = []
        for kind, i, j, k, m in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
            old, new = escape("".join(before[i:j])), escape("".join(after[k:m]))
            if kind == "equal":
                parts.append(old)
            else:
                parts.append(
                    (f"<del>{old}</del>" if old else "") + (f" <ins>{new}</ins>" if new else "")
                )
        yield f"<p>{''.join(parts)}</p>"


def _example(example: JsonDict) -> str:
    record = escape(json.dumps(example["record"], ensure_ascii=False)[:600])
    where = escape(f"{example['location']}, {example['score']:.3g}")
    return f"<li>{record} <span class=soft>{where}</span></li>"
