"""A comparison as `comparison.json`, `differences.jsonl` and a page."""

from itertools import islice
from pathlib import Path
from typing import Callable, Iterator, Optional

from allennlp.common.util import JsonDict
from markupsafe import Markup

from bert_classification.archives.whole_files import replace_file
from bert_classification.data.json_values import dump_json
from bert_classification.evaluation.comparison import Comparison, PathLike, differing
from bert_classification.evaluation.figures import NOT_TOLD, place_of, sure, words_of
from bert_classification.evaluation.page import (
    Paragraph,
    Section,
    Table,
    Text,
    Texts,
    write_page,
)

MAX_RECORDS = 40
"""Records of each kind on the page."""

Explained = Callable[[JsonDict], list[tuple[str, Markup]]]
"""From a line to what counts for each model, and its name."""


def write_comparison(
    directory: Path,
    comparison: Comparison,
    paths: tuple[PathLike, PathLike],
    names: tuple[str, str],
    metric: str,
    explain: Optional[Explained] = None,
) -> None:
    """
    Writes what was found.

    # Parameters

    paths : `Tuple[str, str]`
        The files of predictions.
    names : `Tuple[str, str]`
        What the models are called.
    metric : `str`
        By which the verdict is.
    explain : `Callable[[JsonDict], List[Tuple[str, Markup]]]`, optional
        What shows the words that count for the models.
    """
    test = comparison.test
    found = {
        "task": comparison.task,
        "a": names[0],
        "b": names[1],
        "records": len(comparison.a),
        "metric": metric,
        "verdict": comparison.verdict(metric),
        "scores": {name: each._asdict() for name, each in comparison.differences.items()},
        **({"mcnemar": test._asdict()} if test else {}),
        "different_predictions": len(comparison.places),
    }
    with replace_file(directory / "comparison.json") as aside:
        aside.write_text(dump_json(found) + "\n", encoding="utf-8")
    with replace_file(directory / "differences.jsonl") as aside, open(aside, "w") as file:
        file.writelines(dump_json(line) + "\n" for line in differing(*paths, comparison))
    sections = list(_sections(comparison, paths, metric, explain))
    subtitle = f"A: {names[0]}. B: {names[1]}. {len(comparison.a):,} records."
    write_page(
        directory / "comparison.html", f"B is {worded(comparison, metric)}", subtitle, sections
    )


def worded(comparison: Comparison, metric: str) -> str:
    """Words the verdict."""
    each = comparison.differences[metric]
    verdict = comparison.verdict(metric)
    told = verdict if verdict != "no clear difference" else "neither better nor worse beyond chance"
    return (
        f"{told}: {metric} {each.a:.3f} to {each.b:.3f} (difference {each.difference:+.3f}, 95 % "
        f"{each.low:+.3f} to {each.high:+.3f})"
    )


def _sections(
    comparison: Comparison,
    paths: tuple[PathLike, PathLike],
    metric: str,
    explain: Optional[Explained],
) -> Iterator[Section]:
    differences = comparison.differences
    rows = [
        [name, each.a, each.b, f"{each.difference:+.3f}", f"{each.low:+.3f} to {each.high:+.3f}"]
        for name, each in sorted(differences.items(), key=lambda item: "/" in item[0])
    ]
    note = "Where the interval has no 0 in it, the difference is more than chance."
    parts: list = [Table("Scores", ["", "A", "B", "B less A", "95 %"], rows, note)]
    test = comparison.test
    if test is not None:
        parts.append(
            Paragraph(
                f"A alone is right on {test.only_a:,} records, B alone on {test.only_b:,}; "
                f"McNemar's p is {test.p:.2g}. If both were equally good, that much "
                f"inequality would be seen in {test.p:.1%} of such comparisons."
            )
        )
    yield Section("Scores", parts)
    kinds: dict[str, list[Text]] = {}
    counts: dict[str, int] = {}
    for place, line in zip(comparison.places.tolist(), differing(*paths, comparison)):
        kind = _kind(comparison, place)
        counts[kind] = counts.get(kind, 0) + 1
        if counts[kind] <= MAX_RECORDS:
            kinds.setdefault(kind, []).append(_text(comparison, line, explain))
    for kind, texts in kinds.items():
        yield Section(f"{kind}: {counts[kind]:,}", [Texts("The largest difference first", texts)])


def _kind(comparison: Comparison, place: int) -> str:
    a, b = comparison.a.correct[place], comparison.b.correct[place]
    if NOT_TOLD in (a, b):
        return "Different predictions"
    if a == b:
        return "Both are wrong, in other ways"
    return "Right by A alone" if a else "Right by B alone"


def _text(comparison: Comparison, line: JsonDict, explain: Optional[Explained]) -> Text:
    keys = [key for key in comparison.a.text_keys if line.get(key)]
    told = [
        (name, f"{words_of(line[key]['prediction'])}{sure(line[key])}")
        for name, key in (("A", "a"), ("B", "b"))
    ]
    shown = explain(line) if explain is not None else []
    texts = [("" if key == keys[0] else key, line[key]) for key in keys]
    return Text(f"gold: {words_of(line['gold'])[:200]}", shown or [*texts, *told], place_of(line))


def limited(explain: Explained, most: int) -> Explained:
    """Lets the first records be explained alone, as it takes time."""
    remaining = iter(range(most))
    return lambda line: explain(line) if list(islice(remaining, 1)) else []
