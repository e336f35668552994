"""What `allennlp check-data` looks at in questions about texts."""

from typing import Any, Iterable, Sequence

import numpy

from bert_classification.data.checks import TaskChecks
from bert_classification.data.records import Record

ANSWERED, IMPOSSIBLE = "answered", "impossible"


class Checks(TaskChecks):
    label_noun = "questions"
    # Contexts are read in windows.
    is_cut = False

    def texts(self, example: Any) -> Sequence[str]:
        return [example.question, example.context]

    def labels(self, example: Any) -> Sequence[str]:
        return [ANSWERED if example.answers else IMPOSSIBLE]

    def gold(self, example: Any) -> Any:
        return sorted(answer.text for answer in example.answers)

    def defects(self, example: Any, record: Record) -> Iterable[tuple[str, str]]:
        for answer in dict.fromkeys(example.answers):
            end = answer.start + len(answer.text)
            for before, after in ((answer.start - 1, answer.start), (end - 1, end)):
                if (
                    0 <= before
                    and after < len(example.context)
                    and _joined(example.context, before, after)
                ):
                    yield (
                        "cut word",
                        f"the answer {answer.text!r} cuts a word of the context, at character "
                        f"{after}: {example.context[max(0, before - 10) : after + 10]!r}.",
                    )

    def kind_of(self, error: Exception) -> str:
        is_of_place = "answer_start" in str(error)
        return "answer not at its place" if is_of_place else super().kind_of(error)

    def length(self, ids: Sequence[numpy.ndarray]) -> int:
        question, context = ids
        return min(len(question), self.reader._max_query_length) + len(context) + 3


def _joined(text: str, before: int, after: int) -> bool:
    """Tells whether two neighbouring characters are letters or digits of one word."""
    return text[before].isalnum() and text[after].isalnum()
