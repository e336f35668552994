"""What a task may say of a config for new data: the base of `<task>/proposal.py`."""

from collections import Counter
from typing import Any, Iterable, NamedTuple, Optional, Sequence

from bert_classification.data.draft import Draft
from bert_classification.data.tables import propose_columns


class Files(NamedTuple):
    """What is known of the data before they are read; `labels` is a file with their names."""

    train: str
    dev: Optional[str] = None
    labels: Optional[str] = None


class Seen(NamedTuple):
    """
    What the task's reader saw of a file.

    path : `str`
    size : `int`
        The examples, of a large file as many as were counted.
    is_complete : `bool`
        Whether these were all.
    labels : `Counter[str]`
    lengths : `List[List[int]]`
        Of the first examples, the word pieces of each text that BERT reads.
    cut : `int`
        How many of them are longer than BERT takes.
    longest : `int`
        The word pieces of the longest of them before it is cut.
    limit : `int`
        What BERT takes.
    is_estimate : `bool`
        Whether word pieces were estimated from words.
    """

    path: str
    size: int
    is_complete: bool
    labels: Counter[str]
    lengths: list[list[int]]
    cut: int
    longest: int
    limit: int
    is_estimate: bool

    def counted(self, name: str) -> str:
        """Words how many examples there are."""
        return f"{'' if self.is_complete else 'More than '}{self.size:,} {name}"


class TaskProposal:
    """
    Proposes what is a task's own. A folder without `proposal.py` gets this one, which finds the
    columns by the keys of the task.

    # Parameters

    keys : `Sequence[str]`
        The keys of a record that the task knows.
    gold_key : `str`
        The key of the label, if there is one.

    # Attributes of its class

    noun : `str`
        What an example is called.
    fills_blocks : `bool`
        Whether examples are as long as `max_pieces` lets them be.
    window : `int`, optional
        The `max_pieces` for texts that are longer, where these are read in windows.
    """

    noun = "rows"
    fills_blocks = False
    window: Optional[int] = None

    def __init__(self, keys: Sequence[str], gold_key: str) -> None:
        self.keys = keys
        self.gold_key = gold_key

    def propose_reader(self, files: Files, draft: Draft) -> None:
        """Proposes the reader's settings, from the training file."""
        keys = [key for key in (*self.keys, self.gold_key) if key and key != "sentence"]
        propose_columns(files.train, draft, keys, optional=keys)

    def labels_of(self, example: Any) -> Iterable[str]:
        """Gives the labels of an example, to be counted."""
        label = getattr(example, self.gold_key, None) if self.gold_key else None
        return [label] if isinstance(label, str) else []

    def propose_model(self, train: Seen, draft: Draft) -> None:
        """Proposes the model's settings, from what the reader saw."""

    def describe(self, seen: Seen) -> str:
        """Says in a comment what a file holds."""
        return f"{seen.counted(self.noun)}{shares(seen.labels)}."


def shares(labels: Counter[str], shown: int = 6) -> str:
    """Words how often each label is given, the most frequent first."""
    total = labels.total()
    if not total:
        return ""
    each = [f"{percent(count / total)} `{name}`" for name, count in labels.most_common(shown)]
    more = len(labels) - shown
    rest = f" and {more} more" if more > 0 else ""
    return f"; {len(labels)} labels: {', '.join(each)}{rest}"


def percent(share: float) -> str:
    """Words a share; a line does not break before the sign."""
    return f"{100 * share:.1f}\N{NO-BREAK SPACE}%"
