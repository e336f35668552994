"""Numbers for each label: given in the config, or from the labels' counts."""

from typing import Sequence, Union

import torch
from allennlp.common.checks import ConfigurationError
from torch import Tensor

PerLabel = Union[list[float], dict[str, float]]


def per_label(key: str, values: Union[float, PerLabel], names: Sequence[str]) -> Tensor:
    """Gives each label its number, from one for all, a list in their order, or a dict by name."""
    if isinstance(values, dict):
        if set(values) != set(names):
            raise ConfigurationError(
                f"`{key}` names {', '.join(values)}; the labels are {', '.join(names)}."
            )
        values = [values[name] for name in names]
    elif isinstance(values, (int, float)):
        values = [values] * len(names)
    if len(values) != len(names):
        raise ConfigurationError(
            f"`{key}` has {len(values)} numbers for {len(names)} labels: {', '.join(names)}."
        )
    return torch.tensor(values, dtype=torch.float)


def balanced_weights(counts: Sequence[int]) -> Tensor:
    """Computes weights that let every label count the same, as `balanced` of scikit-learn."""
    total = torch.tensor(counts, dtype=torch.float)
    return total.sum() / (len(counts) * total.clamp(min=1))


def log_odds(counts: Sequence[int]) -> Tensor:
    """
    Computes the log odds of each label, from its share in all the labels that were given, at most
    even. A final layer of many labels that starts with these biases (Lin et al. 2017, section 3.3)
    need not learn first, at the expense of the encoder, that most labels are absent.
    """
    shares = torch.tensor(counts, dtype=torch.float).clamp(min=1)
    return (shares / shares.sum()).clamp(max=0.5).logit()
