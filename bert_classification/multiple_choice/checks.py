"""What `allennlp check-data` looks at in questions with choices."""

from typing import Any, Sequence

import numpy

from bert_classification.data.checks import TaskChecks


class Checks(TaskChecks):
    def texts(self, example: Any) -> Sequence[str]:
        return [example.prompt, *example.choices]

    def length(self, ids: Sequence[numpy.ndarray]) -> int:
        prompt, *choices = ids
        return len(prompt) + max(map(len, choices)) + 3
