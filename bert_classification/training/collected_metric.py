"""A metric that collects predictions and lets a library score them all at once."""

from typing import Any, Callable

from allennlp.training.metrics import Metric

from bert_classification.training.processes import of_all_processes


class CollectedMetric(Metric):
    """
    Keeps predictions and gold values, and hands them to a function when they are complete. AllenNLP
    asks for metrics after every batch; until it asks for the last time (`reset`) there are none.

    # Parameters

    compute : `Callable[[list, list], dict[str, float]]`
        From all predictions and all gold values, of all processes, to the metrics. Its values are
        turned into plain floats.
    """

    def __init__(self, compute: Callable[[list, list], dict[str, Any]]) -> None:
        self._compute = compute
        self.predictions: list = []
        self.gold: list = []

    def __call__(self, predictions: list, gold_labels: list, mask: Any = None) -> None:  # type: ignore[override]
        self.predictions.extend(predictions)
        self.gold.extend(gold_labels)

    def get_metric(self, reset: bool = False) -> dict[str, float]:
        if not reset:
            return {}
        predictions, gold = of_all_processes(self.predictions), of_all_processes(self.gold)
        self.reset()
        computed = self._compute(predictions, gold) if gold else {}
        return {name: float(value) for name, value in computed.items()}

    def reset(self) -> None:
        self.predictions, self.gold = [], []
