"""
Labels that are probably wrong, the most suspicious first: cleanlab's confident learning (Northcutt
et al. 2021) on predictions that were made by models that had not seen the record.
"""

from typing import Any, Iterator, NamedTuple, Sequence

import numpy
from allennlp.common.checks import ConfigurationError

from bert_classification.data.checks import Finding
from bert_classification.data.json_values import describe, shorten
from bert_classification.data.records import RecordError, read_records

KIND = "doubtful label"


class Judged(NamedTuple):
    """
    A label and the probabilities of all labels.

    location : `str`
    what : `str`
        What has the label.
    gold : `Any`
        Or, of several labels, their list.
    probabilities : `Dict[str, float]`
    """

    location: str
    what: str
    gold: Any
    probabilities: dict[str, float]


def find_label_issues(path: str) -> Iterator[Finding]:
    """
    Yields the labels of a file that are probably wrong, the most suspicious first.

    # Parameters

    path : `str`
        JSON lines as `allennlp cross-validate` writes them, with `gold` and `probabilities`, a
        number by label; for words with tags a list of both. `file` and `line` say where the record
        stands.

    # Raises

    `ConfigurationError` that names file and line, and where cleanlab is not installed.
    """
    try:
        import cleanlab  # noqa: F401
    except ImportError as error:
        raise ConfigurationError(
            "doubtful labels are found by cleanlab: pip install 'bert-classification[cleanlab]'."
        ) from error
    judged = list(_read(path))
    names = list(dict.fromkeys(name for each in judged for name in each.probabilities))
    probabilities = numpy.array(
        [[each.probabilities.get(name, 0.0) for name in names] for each in judged]
    )
    several = any(isinstance(each.gold, list) for each in judged)
    rank = _rank_several if several else _rank
    for index in rank(judged, names, probabilities):
        each = judged[index]
        best = names[int(probabilities[index].argmax())]
        message = f"{each.what}{describe_gold(each.gold)}, of which the models are sure by "
        message += f"{self_confidence(each):.1%}; they say {best!r} by "
        message += f"{probabilities[index].max():.1%}."
        yield Finding(KIND, each.location, message)


def describe_gold(gold: Any) -> str:
    return shorten(repr(gold))


def self_confidence(judged: Judged) -> float:
    """Gives the probability of the given label, of several the least."""
    if not isinstance(judged.gold, list):
        return judged.probabilities.get(judged.gold, 0.0)
    chances = [
        chance if name in judged.gold else 1 - chance
        for name, chance in judged.probabilities.items()
    ]
    return min(chances, default=0.0)


def _rank(judged: Sequence[Judged], names: Sequence[str], probabilities: Any) -> Sequence[int]:
    from cleanlab.filter import find_label_issues as find

    labels = numpy.array([names.index(each.gold) for each in judged])
    return find(labels, probabilities, return_indices_ranked_by="self_confidence", n_jobs=1)


def _rank_several(
    judged: Sequence[Judged], names: Sequence[str], probabilities: Any
) -> Sequence[int]:
    from cleanlab.multilabel_classification.filter import find_label_issues as find

    labels = [[names.index(name) for name in each.gold] for each in judged]
    return find(labels, probabilities, return_indices_ranked_by="self_confidence", n_jobs=1)


def _read(path: str) -> Iterator[Judged]:
    empty = True
    for record in read_records(path, "jsonl"):
        try:
            for each in _judged(record.values, record.location):
                empty = False
                yield each
        except RecordError as error:
            raise ConfigurationError(f"{record.location}: {error}") from error
    if empty:
        raise ConfigurationError(f"{path}: no label in this file.")


def _judged(values: dict[str, Any], location: str) -> Iterator[Judged]:
    for key in ("gold", "probabilities"):
        if values.get(key) is None:
            raise RecordError(
                f"no key `{key}`; expected a line as `allennlp cross-validate` writes it, of a "
                "task with labels."
            )
    if "file" in values:
        known = values.get("line")
        place = f"line {known}" if known else f"question {values.get('id')}"
        location = f"{values['file']}, {place}"
    gold, probabilities = values["gold"], values["probabilities"]
    if not isinstance(probabilities, list):
        yield _one(location, "", gold, probabilities)
        return
    if not isinstance(gold, list) or len(gold) != len(probabilities):
        raise RecordError(f"`gold`: expected a label for each of the {len(probabilities)} words.")
    words = values.get("tokens") or [""] * len(gold)
    for number, (tag, word, each) in enumerate(zip(gold, words, probabilities), 1):
        yield _one(location, f"word {number}, {word!r}: ", tag, each)


def _one(location: str, what: str, gold: Any, probabilities: Any) -> Judged:
    if not isinstance(probabilities, dict) or not all(
        isinstance(each, (int, float)) for each in probabilities.values()
    ):
        raise RecordError(
            f"`probabilities`: expected a number for each label, got {describe(probabilities)}."
        )
    gold = str(gold) if isinstance(gold, int) else gold
    for name in gold if isinstance(gold, list) else [gold]:
        if name not in probabilities:
            raise RecordError(f"`gold`: {describe(name)} has no probability.")
    return Judged(location, what, gold, probabilities)
