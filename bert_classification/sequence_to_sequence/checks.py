"""What `allennlp check-data` looks at in texts with what they are to become."""

from typing import Any, Sequence

import numpy

from bert_classification.data.checks import TaskChecks


class Checks(TaskChecks):
    def texts(self, example: Any) -> Sequence[str]:
        return [example.source]

    def gold(self, example: Any) -> Any:
        return example.target

    def length(self, ids: Sequence[numpy.ndarray]) -> int:
        return len(ids[0]) + 2
