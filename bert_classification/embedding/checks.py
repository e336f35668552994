"""What `allennlp check-data` looks at in texts that are compared."""

from typing import Any, Sequence

import numpy

from bert_classification.data.checks import TaskChecks


class Checks(TaskChecks):
    def texts(self, example: Any) -> Sequence[str]:
        return example.texts

    def length(self, ids: Sequence[numpy.ndarray]) -> int:
        return max(map(len, ids)) + 2
