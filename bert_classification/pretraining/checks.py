"""What `allennlp check-data` looks at in documents and in pairs of texts."""

from typing import Any, Sequence

from bert_classification.data.checks import TextChecks


class Checks(TextChecks):
    def texts(self, example: Any) -> Sequence[str]:
        return example.texts
