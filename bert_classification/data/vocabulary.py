"""
The order and the counts of labels: all that touches what AllenNLP's `Vocabulary` keeps to itself.
"""

from typing import Optional, Sequence

from allennlp.common.checks import ConfigurationError
from allennlp.data import Vocabulary

ORDER_OFFSET = 10**12
"""
A vocabulary orders entries by their counts. Entries in a given order get multiples of this beside
what was counted.
"""


def count_in_order(counts: dict[str, int], names: Optional[Sequence[str]]) -> None:
    """Lets a vocabulary that is made of these counts have the names first, in their order."""
    if names and counts.get(names[0], 0) < ORDER_OFFSET:
        for position, name in enumerate(reversed(names), 1):
            counts[name] = counts.get(name, 0) + position * ORDER_OFFSET


def label_counts(vocab: Vocabulary, namespace: str) -> list[int]:
    """
    Tells how often each label occurs in the instances the vocabulary was made of, in its order;
    nothing for a vocabulary that was read from files.
    """
    counts = (vocab._retained_counter or {}).get(namespace, {})
    if not counts:
        return []
    names = vocab.get_token_to_index_vocabulary(namespace)
    return [counts.get(name, 0) % ORDER_OFFSET for name in names]


def take_over(vocab: Vocabulary, known: Vocabulary, source: str) -> None:
    """
    Gives a new vocabulary the entries of a known one, in their order.

    # Raises

    `ConfigurationError` for entries that the known one, of the archive `source`, does not have.
    """
    for namespace in set(vocab.get_namespaces()) & set(known.get_namespaces()):
        entries = known.get_token_to_index_vocabulary(namespace)
        new = [
            name for name in vocab.get_token_to_index_vocabulary(namespace) if name not in entries
        ]
        if new:
            raise ConfigurationError(
                f"The training data has {', '.join(map(repr, new))} in the namespace "
                f"`{namespace}`; the model of {source} knows {', '.join(map(repr, entries))}."
            )
    known.extend_from_vocab(vocab)
    for part in ("_token_to_index", "_index_to_token", "_non_padded_namespaces"):
        setattr(vocab, part, getattr(known, part))
