"""What vectors are trained for: scores of pairs, or to find the text that belongs to another."""

import torch
from scipy.stats import pearsonr, spearmanr
from torch import Tensor
from torch.nn.functional import cosine_similarity, cross_entropy, mse_loss, normalize

from bert_classification.training.processes import gather_rows


def similarity_loss(vectors: Tensor, label: Tensor) -> Tensor:
    """
    Computes the mean squared error of the cosines of pairs (Reimers and Gurevych 2019, section 3).

    # Parameters

    vectors : `Tensor`
        Shape `(batch_size, 2, width)`.
    label : `Tensor`
        Their similarities, shape `(batch_size,)`.
    """
    return mse_loss(cosine_similarity(vectors[:, 0], vectors[:, 1], dim=-1), label)


def ranking_loss(
    vectors: Tensor, text_ids: Tensor, temperature: float, symmetric: bool, gather: bool
) -> Tensor:
    """
    Computes the cross-entropy with which each text finds the one that belongs to it, by the
    cosines, among all others of the batch: multiple negatives ranking (Henderson et al. 2017,
    section 4.4). A text that is there twice is no negative of itself.

    # Parameters

    vectors : `Tensor`
        Shape `(batch_size, texts, width)`: a text, the one that belongs to it, and its negatives.
    text_ids : `Tensor`
        Shape `(batch_size, texts)`: equal for equal texts, 0 where there is none.
    temperature : `float`
        What cosines are divided by.
    symmetric : `bool`
        Whether to find the text of the other one as well, of which the mean is taken.
    gather : `bool`
        Whether the texts of the other processes that train together are candidates, too.
    """
    vectors = normalize(vectors, dim=-1)
    count = len(vectors)
    # Those that belong to the texts come first: (candidates, width) and (candidates,).
    candidates = torch.cat([vectors[:, 1], vectors[:, 2:].flatten(0, 1)])
    ids = torch.cat([text_ids[:, 1], text_ids[:, 2:].flatten()])
    begin = 0
    if gather:
        (candidates, begin), (ids, _) = gather_rows(candidates), gather_rows(ids)
    own = begin + torch.arange(count, device=vectors.device)
    loss = _find(vectors[:, 0], candidates, own, text_ids[:, :2], ids, temperature)
    if not symmetric:
        return loss
    texts, ids, begin = vectors[:, 0], text_ids[:, 0], 0
    if gather:
        (texts, begin), (ids, _) = gather_rows(texts), gather_rows(ids)
    own = begin + torch.arange(count, device=vectors.device)
    back = _find(vectors[:, 1], texts, own, text_ids[:, :2], ids, temperature)
    return (loss + back) / 2


def _find(
    vectors: Tensor,
    candidates: Tensor,
    own: Tensor,
    own_ids: Tensor,
    ids: Tensor,
    temperature: float,
) -> Tensor:
    # (batch_size, candidates)
    scores = vectors @ candidates.T / temperature
    left_out = (ids == 0) | (own_ids.unsqueeze(-1) == ids).any(1)
    left_out[torch.arange(len(own), device=own.device), own] = False
    return cross_entropy(scores.masked_fill(left_out, -torch.inf), own)


def correlations(predicted: list, gold: list) -> dict[str, float]:
    """Computes Pearson and Spearman correlation of the cosines and the labels of all pairs."""
    # A correlation needs two values that differ.
    varied = len(set(gold)) > 1 and len(set(predicted)) > 1
    return {
        "pearson": pearsonr(predicted, gold)[0] if varied else 0.0,
        "spearman": spearmanr(predicted, gold)[0] if varied else 0.0,
    }
