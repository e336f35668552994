from allennlp.nn.util import dist_reduce_sum
from allennlp.training.metrics import Metric
from sklearn.metrics import label_ranking_average_precision_score
from torch import Tensor
from torch.nn.functional import one_hot


class MeanReciprocalRank(Metric):
    """
    The mean of 1 / rank of the right choice, which is scikit-learn's label ranking average
    precision where one label is right; the right choice ranks behind those of equal score.
    """

    def __init__(self) -> None:
        self.reset()

    def __call__(self, logits: Tensor, label: Tensor) -> None:  # type: ignore[override]
        """
        # Parameters

        logits : `Tensor`
            Shape `(batch_size, num_choices)`; those of padding are lower than all others.
        label : `Tensor`
            Shape `(batch_size,)`.
        """
        gold = one_hot(label, logits.size(-1)).cpu().numpy()
        mean = label_ranking_average_precision_score(gold, logits.detach().float().cpu().numpy())
        self._sum += dist_reduce_sum(float(mean) * len(label))
        self._count += dist_reduce_sum(len(label))

    def get_metric(self, reset: bool = False) -> float:
        mean = self._sum / self._count if self._count else 0.0
        if reset:
            self.reset()
        return mean

    def reset(self) -> None:
        self._sum = 0.0
        self._count = 0
