"""
The masking of word pieces that masked language models learn from; masked LM and pre-training share
it.

It is done on the batch, in the model, not in the reader. So it needs no memory, is new in every
epoch although AllenNLP keeps the instances of the first, and knows nothing of data workers. Which
pieces are masked is a hash of the text, its positions and a number:

- in training one that PyTorch's generator draws for each text, so the masks follow `pytorch_seed`,
  as dropout does, on any device;
- in evaluation always the same one, so a text has the same masks in every epoch, run and batch.
"""

from typing import NamedTuple

import torch
from allennlp.common.checks import ConfigurationError
from torch import Tensor

from bert_classification.bert.word_pieces import WordPieceTokenizer
from bert_classification.data.label_field import IGNORE_INDEX

_GOLDEN = -0x61C8864680B583EB
_FIRST, _SECOND = -0x40A7B892E31B1A47, -0x6B2FB644ECCEEE15
_LAST = torch.iinfo(torch.int64).max


class Masked(NamedTuple):
    """
    Texts to learn from.

    input_ids : `Tensor`, shape `(batch_size, length)`, with some pieces replaced.
    label : `Tensor`, of the same shape: the original id of each chosen piece, `IGNORE_INDEX`
        elsewhere.
    """

    input_ids: Tensor
    label: Tensor


class Masking(torch.nn.Module):
    """
    Chooses pieces of each text to be predicted and hides most of them (Devlin et al. 2019, section
    3.1). As in the original `create_pretraining_data.py` their number is
    `max(1, round(mlm_probability * pieces))` of a text, not left to chance; special pieces ([CLS],
    [SEP], [PAD], [UNK], [MASK]) are never chosen and never put in place of another.

    # Parameters

    tokenizer : `WordPieceTokenizer`
        The tokenizer, which knows the special pieces and the continuations.
    mlm_probability : `float`, optional (default = `0.15`)
        The share of pieces to be predicted.
    whole_word_mask : `bool`, optional (default = `False`)
        Choose words, with all their `##` pieces. Words are taken in random order up to the one that
        would exceed the number by more than half of its pieces, so the number is met on average.
    mask_replace_prob, random_replace_prob : `float`, optional (default = `0.8`, `0.1`)
        How many of the chosen pieces become [MASK], and how many a random piece; the others stay.
    """

    special: Tensor
    continues: Tensor
    ordinary: Tensor

    def __init__(
        self,
        tokenizer: WordPieceTokenizer,
        mlm_probability: float = 0.15,
        whole_word_mask: bool = False,
        mask_replace_prob: float = 0.8,
        random_replace_prob: float = 0.1,
    ) -> None:
        super().__init__()
        if not 0 < mlm_probability < 1:
            raise ConfigurationError(
                f"`mlm_probability` is {mlm_probability!r}; expected a number between 0 and 1."
            )
        self.mlm_probability = mlm_probability
        self.whole_word_mask = whole_word_mask
        self.mask_until = mask_replace_prob
        self.random_until = mask_replace_prob + random_replace_prob
        self.mask_id = tokenizer.mask_id
        names = tokenizer.pretrained.get_vocab()
        special = torch.zeros(max(names.values()) + 1, dtype=torch.bool)
        special[tokenizer.pretrained.all_special_ids] = True
        continues = torch.zeros_like(special)
        continues[[index for name, index in names.items() if name.startswith("##")]] = True
        self.register_buffer("special", special, persistent=False)
        self.register_buffer("continues", continues, persistent=False)
        self.register_buffer("ordinary", (~special).nonzero().squeeze(-1), persistent=False)

    def forward(self, input_ids: Tensor, mask: Tensor) -> Masked:
        """
        # Parameters

        input_ids, mask : `Tensor`
            Shape `(batch_size, length)`; `mask` is false on padding.
        """
        salt = torch.zeros(len(input_ids), dtype=torch.long)
        if self.training:
            salt = torch.randint(_LAST, (len(input_ids),))
        keys = _text_keys(input_ids, mask, salt.to(input_ids.device))
        chosen = self._choose(input_ids, mask & ~self.special[input_ids], _noise(keys, 1))
        replaced = self._replace(input_ids, _noise(keys, 2), _noise(keys, 3))
        return Masked(
            torch.where(chosen, replaced, input_ids), input_ids.masked_fill(~chosen, IGNORE_INDEX)
        )

    def _choose(self, input_ids: Tensor, candidates: Tensor, noise: Tensor) -> Tensor:
        """Marks the pieces of the words that come first in a random order."""
        begins = self._first_piece(input_ids, candidates)
        # All pieces of a word sort by the noise of its first piece, so they stay together.
        order = noise.gather(1, begins).masked_fill(~candidates, _LAST).argsort(dim=-1, stable=True)
        ranks = order.argsort(dim=-1)
        # (batch_size, length): how many pieces the word has that begins at a position; then, for
        # each piece, how many words' pieces come before its word, and how many its word has.
        size = torch.zeros_like(ranks).scatter_add_(1, begins, candidates.long())
        before, size = ranks.gather(1, begins), size.gather(1, begins)
        # (batch_size, 1)
        wanted = (candidates.sum(-1, keepdim=True) * self.mlm_probability).round().clamp(min=1)
        return candidates & ((2 * before + size <= 2 * wanted) | (before == 0))

    def _first_piece(self, input_ids: Tensor, candidates: Tensor) -> Tensor:
        """Finds for each piece the position of its word's first piece; without words its own."""
        positions = torch.arange(input_ids.size(1), device=input_ids.device).expand_as(input_ids)
        if not self.whole_word_mask:
            return positions
        follows = torch.zeros_like(candidates)
        follows[:, 1:] = candidates[:, :-1] & candidates[:, 1:] & self.continues[input_ids[:, 1:]]
        return positions.masked_fill(follows, 0).cummax(-1).values

    def _replace(self, input_ids: Tensor, noise: Tensor, other: Tensor) -> Tensor:
        """Draws what would stand in place of each piece."""
        chance = noise / 2**63
        random = self.ordinary[other % len(self.ordinary)]
        kept_or_random = torch.where(chance < self.random_until, random, input_ids)
        return kept_or_random.masked_fill(chance < self.mask_until, self.mask_id)


def _text_keys(input_ids: Tensor, mask: Tensor, salt: Tensor) -> Tensor:
    """Makes a number for each position, by its text, itself, and `salt` of the text."""
    positions = mask.cumsum(-1)
    pieces = _mix(input_ids + positions * _GOLDEN) * mask
    return _mix(pieces.sum(-1, keepdim=True) + _mix(salt).unsqueeze(-1)) + positions * _GOLDEN


def _noise(keys: Tensor, stream: int) -> Tensor:
    """Draws whole numbers from 0 to 2**63, others for each stream."""
    return _shift(_mix(keys + _mix(torch.full_like(keys, stream))), 1)


def _mix(numbers: Tensor) -> Tensor:
    """Mixes 64 bits well, by the finalizer of SplitMix64 (Steele et al. 2014)."""
    numbers = (numbers ^ _shift(numbers, 30)) * _FIRST
    numbers = (numbers ^ _shift(numbers, 27)) * _SECOND
    return numbers ^ _shift(numbers, 31)


def _shift(numbers: Tensor, bits: int) -> Tensor:
    """Shifts to the right and brings in zeros, as PyTorch does for unsigned numbers only."""
    return (numbers >> bits) & ((1 << (64 - bits)) - 1)
