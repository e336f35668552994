"""Probabilities that mean what they say: the setting `calibration` of the models."""

import logging
from typing import Any, Callable, Mapping, Optional, Union

import torch
from allennlp.common.checks import ConfigurationError
from torch import Tensor

from bert_classification.data.json_values import describe
from bert_classification.training.calibration_scores import (
    AnyRight,
    OneRight,
    SomeRight,
    calibration_scores,
    fit_temperature,
    least_in_set,
)
from bert_classification.training.collected_metric import CollectedMetric

logger = logging.getLogger(__name__)

TEMPERATURE = "temperature"
SETTINGS = (TEMPERATURE, "abstain_below", "conformal")
MARGIN = 1e-6
"""A probability in 32 bits may be so much below the one that it was fitted by."""


class Calibration(torch.nn.Module):
    """
    Divides the logits of a head by a temperature, which changes no label (Guo et al. 2017). It is
    fitted on the validation data after each epoch of training, so that the best weights have their
    own, and is kept with them. The loss is that of the logits as they were.

    # Parameters

    kind : `type`
        What is predicted: `OneRight`, `AnyRight` or `SomeRight`.
    temperature : `float`, optional (default = `1.0`)
        Until one is fitted.
    abstain_below : `float`, optional
        The confidence below which an output has `abstain: true`.
    conformal : `float`, optional
        Give the labels that hold the right one with this probability, as `label_set`.
    changed : `Callable[[float], None]`, optional
        Is told by which factor logits have become larger when a temperature was fitted.
    """

    authorized_missing_keys = [r"(^|\.)calibration\.(temperature|least_in_set)$"]
    temperature: Tensor
    least_in_set: Tensor

    def __init__(
        self,
        kind: Callable[[list, list], Union[OneRight, AnyRight, SomeRight]],
        temperature: float = 1.0,
        abstain_below: Optional[float] = None,
        conformal: Optional[float] = None,
        changed: Optional[Callable[[float], None]] = None,
    ) -> None:
        super().__init__()
        self.register_buffer("temperature", torch.tensor(float(temperature)))
        # Until it is fitted, each label may be the right one.
        self.register_buffer("least_in_set", torch.tensor(0.0))
        self.abstain_below = abstain_below
        self.conformal = conformal
        self.kind = kind
        self._changed = changed
        self._is_to_fit = False
        self._predictions = CollectedMetric(self._compute)

    def train(self, mode: bool = True) -> "Calibration":
        """Notes that training has begun; the next evaluation is the one to fit by."""
        self._is_to_fit |= mode
        return super().train(mode)

    def collect(self, rows: list, gold: list) -> None:
        """Takes predictions of an evaluation, as `kind` does; those of training are left out."""
        if not self.training:
            self._predictions(rows, gold)

    def metrics(self, reset: bool) -> dict[str, float]:
        """Gives those of `calibration_scores`, with `reset`, of an evaluation."""
        return self._predictions.get_metric(reset)

    def take_predictions(self) -> Union[OneRight, AnyRight, SomeRight, None]:
        """Gives what was collected, and forgets it; `None` where it is nothing."""
        rows, gold = self._predictions.predictions, self._predictions.gold
        self._predictions.reset()
        return self.kind(rows, gold) if rows else None

    def _compute(self, rows: list, gold: list) -> dict[str, float]:
        predictions = self.kind(rows, gold)
        if self._is_to_fit and not self.training:
            self._is_to_fit = False
            self._try_fit(predictions)
        return calibration_scores(predictions, float(self.temperature))

    def _try_fit(self, predictions: Union[OneRight, AnyRight, SomeRight]) -> None:
        try:
            self.fit(predictions)
        except ConfigurationError as error:
            logger.warning("`model.calibration`: %s", error)

    def fit(self, predictions: Union[OneRight, AnyRight, SomeRight]) -> None:
        """
        Fits the temperature, and with it what labels are in a set.

        # Raises

        `ConfigurationError` where there is no such temperature, or there are too few predictions
        for the sets.
        """
        found = fit_temperature(predictions)
        if found is None:
            right = float(predictions.correct.mean())
            raise ConfigurationError(
                f"no temperature fits: {right:.1%} of {len(predictions.correct)} predictions are "
                "right; expected data on which the model knows something and makes mistakes."
            )
        factor = float(self.temperature) / found
        self.temperature.fill_(found)
        if self._changed is not None:
            self._changed(factor)
        if self.conformal is not None:
            least = least_in_set(predictions.gold_probs(found), self.conformal)
            self.least_in_set.fill_(least - MARGIN)


def calibrated(logits: Tensor, calibration: Optional[Calibration]) -> Tensor:
    """Divides logits by the temperature, where there is one."""
    return logits if calibration is None else logits / calibration.temperature


def make_calibration(
    value: Union[None, str, Mapping[str, Any]],
    kind: Any = OneRight,
    changed: Optional[Callable[[float], None]] = None,
    has_sets: bool = True,
) -> Optional[Calibration]:
    """
    Makes what a model's setting `calibration` asks for: nothing, `temperature`, or an object with
    some of the parameters of `Calibration`.

    # Raises

    `ConfigurationError` for anything else.
    """
    if value is None:
        return None
    if value == TEMPERATURE:
        value = {}
    if not isinstance(value, Mapping):
        raise ConfigurationError(
            f"`model.calibration` is {describe(value)}; expected `{TEMPERATURE}`, or an object "
            f"with some of {', '.join(f'`{key}`' for key in SETTINGS)}."
        )
    unknown = [key for key in value if key not in SETTINGS]
    if unknown:
        raise ConfigurationError(
            f"`model.calibration.{unknown[0]}`: there is no such setting; expected some of "
            f"{', '.join(f'`{key}`' for key in SETTINGS)}."
        )
    for key, number in value.items():
        _check_number(key, number)
    if not has_sets and value.get("conformal") is not None:
        raise ConfigurationError(
            "`model.calibration.conformal` has no meaning for tags, of which a text has many."
        )
    return Calibration(kind, changed=changed, **value)


def _check_number(key: str, number: Any) -> None:
    if number is None and key != TEMPERATURE:
        return
    highest = 1000 if key == TEMPERATURE else 1
    if type(number) not in (int, float) or not 0 < number < highest:
        raise ConfigurationError(
            f"`model.calibration.{key}` is {describe(number)}; expected a number above 0 and below "
            f"{highest}."
        )
