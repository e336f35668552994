from allennlp.nn.util import dist_reduce_sum
from allennlp.training.metrics import Metric, Perplexity


@Metric.register("piece_perplexity")
class PiecePerplexity(Perplexity):
    """
    The perplexity of all pieces seen: `exp` of their mean loss. AllenNLP's `Perplexity` takes the
    mean over batches, in which a piece of a small batch counts more.
    """

    def __call__(self, mean_loss: float, pieces: int) -> None:  # type: ignore[override]
        """
        # Parameters

        mean_loss : `float`
            The mean negative log likelihood of a batch's pieces, to base e.
        pieces : `int`
            Their number.
        """
        self._count += dist_reduce_sum(pieces)
        self._total_value += dist_reduce_sum(float(mean_loss) * pieces)
