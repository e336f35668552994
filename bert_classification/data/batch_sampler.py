"""Batches of like lengths by the number of their word pieces."""

import random
from typing import Iterable, Optional, Sequence

from allennlp.common.checks import ConfigurationError
from allennlp.data import BatchSampler, Instance

from bert_classification.data.text_field import num_word_pieces


@BatchSampler.register("token_budget")
class TokenBudgetSampler(BatchSampler):
    """
    Batches of as many instances as `token_budget` has room for, with like lengths together.

    # Parameters

    token_budget : `int`
        The most word pieces in a batch, of all windows and choices, when it is padded to its
        longest instance. One that has more stays alone.
    shuffle : `bool`, optional (default = `True`)
        Batches in random order, with other instances of equal length in each epoch; false for the
        shortest first. The number of batches is the same in each.
    """

    def __init__(self, token_budget: int, shuffle: bool = True) -> None:
        if token_budget < 1:
            raise ConfigurationError(f"`token_budget` is {token_budget}; expected at least 1.")
        self._token_budget = token_budget
        self._shuffle = shuffle

    def get_batch_indices(self, instances: Sequence[Instance]) -> Iterable[list[int]]:
        order = list(range(len(instances)))
        if self._shuffle:
            random.shuffle(order)
        lengths = [num_word_pieces(instances[index]) for index in order]
        batches = token_batches(lengths, self._token_budget)
        if self._shuffle:
            random.shuffle(batches)
        return ([order[index] for index in batch] for batch in batches)

    def get_num_batches(self, instances: Sequence[Instance]) -> int:
        return len(token_batches([num_word_pieces(each) for each in instances], self._token_budget))

    def get_batch_size(self) -> Optional[int]:
        """Gives none: it differs."""
        return None


def token_batches(lengths: Sequence[int], budget: int) -> list[list[int]]:
    """
    Groups the indices of texts that run through BERT together, shorter ones first: as many as have
    at most `budget` word pieces when they are padded to the longest. One that has more stays alone.
    """
    batches: list[list[int]] = []
    for index in sorted(range(len(lengths)), key=lengths.__getitem__):
        if not batches or (len(batches[-1]) + 1) * lengths[index] > budget:
            batches.append([])
        batches[-1].append(index)
    return batches
