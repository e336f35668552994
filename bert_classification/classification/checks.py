"""What `allennlp check-data` looks at in texts with labels."""

from collections import Counter
from typing import Any, Optional, Sequence

from bert_classification.classification.label_weights import balanced_weights
from bert_classification.data.checks import TaskChecks

UNEVEN = 3
"""How many times as often the most frequent label is given, from which weights are proposed."""


class Checks(TaskChecks):
    @property
    def is_cut(self) -> bool:
        return self.reader._long_text != "windows"

    def labels(self, example: Any) -> Sequence[str]:
        return example.label if isinstance(example.label, list) else super().labels(example)

    def gold(self, example: Any) -> Any:
        return sorted(example.label) if isinstance(example.label, list) else example.label

    def advice(self, labels: Counter[str]) -> Optional[tuple[str, dict[str, Any]]]:
        counts = labels.most_common()
        if len(counts) < 2 or counts[0][1] < UNEVEN * counts[-1][1]:
            return None
        seen = f"`{counts[0][0]}` is given {counts[0][1]:,} times, `{counts[-1][0]}` "
        seen += f"{counts[-1][1]:,} times"
        if self.reader._problem_type != "single_label_classification":
            return f"{seen}; `model.pos_weight` finds more of the rare ones.", {}
        weights = balanced_weights([count for _, count in counts]).tolist()
        by_name = {name: round(weight, 4) for (name, _), weight in zip(counts, weights)}
        return f"{seen}; with `model.class_weights` each counts the same.", {
            "class_weights": by_name
        }
