import numpy
import torch
import torch.distributed
from allennlp.common.util import is_distributed
from allennlp.training.metrics import Metric
from sklearn.metrics import roc_auc_score
from torch import Tensor


class AreaUnderCurve(Metric):
    """
    The area under the ROC curve, of scikit-learn, over all pairs since the last reset, those of
    all processes that train together. AllenNLP's `Auc` fails when their batches differ in size.
    """

    def __init__(self) -> None:
        self.reset()

    def __call__(self, scores: Tensor, positive: Tensor) -> None:  # type: ignore[override]
        """
        # Parameters

        scores : `Tensor`
            Shape `(batch_size,)`; the higher, the more likely it is positive.
        positive : `Tensor`
            Shape `(batch_size,)`, booleans.
        """
        self._batches.append(torch.stack([scores.detach().float(), positive.float()]))

    def get_metric(self, reset: bool = False) -> float:
        """The area; 0.5 as long as the pairs are all of one kind, which leaves it undefined."""
        batches = [batch.cpu().numpy() for batch in self._batches]
        parts = [numpy.concatenate(batches or [numpy.empty((2, 0))], axis=1)]
        if is_distributed():
            gathered: list = [None] * torch.distributed.get_world_size()
            torch.distributed.all_gather_object(gathered, parts[0])
            parts = gathered
        if reset:
            self.reset()
        scores, positive = numpy.concatenate(parts, axis=1)
        return float(roc_auc_score(positive, scores)) if len(set(positive)) == 2 else 0.5

    def reset(self) -> None:
        self._batches: list[Tensor] = []
