import math

from allennlp.nn.util import dist_reduce_sum
from allennlp.training.metrics import Metric


@Metric.register("bert_corpus_perplexity")
class CorpusPerplexity(Metric):
    """
    The perplexity of all text seen: the exponential of the summed loss over the number of predicted
    word pieces, and over the number of words. AllenNLP's `Perplexity` is that of the mean over
    batches, which depends on how the text was batched.
    """

    supports_distributed = True

    def __init__(self) -> None:
        self.reset()

    def __call__(self, loss: float, pieces: int, words: int = 0) -> None:  # type: ignore[override]
        """
        Counts the text of a batch.

        # Parameters

        loss : `float`
            The negative natural log-probabilities of the predicted pieces, summed.
        pieces, words : `int`
            How many pieces were predicted, and how many words they make, where that is known.
        """
        self._loss += dist_reduce_sum(float(loss))
        self._pieces += dist_reduce_sum(int(pieces))
        self._words += dist_reduce_sum(int(words))

    def get_metric(self, reset: bool = False) -> dict[str, float]:
        metrics = {
            "perplexity": _exp(self._loss, self._pieces),
            "word_perplexity": _exp(self._loss, self._words),
        }
        if reset:
            self.reset()
        return metrics

    def reset(self) -> None:
        self._loss, self._pieces, self._words = 0.0, 0, 0


def _exp(loss: float, count: int) -> float:
    # Beyond exp(700) a float is infinite, which JSON cannot hold.
    return math.exp(min(loss / count, 700.0)) if count else 0.0
