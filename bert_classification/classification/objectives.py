"""
What a label is: one of several, any of several, or a number. Loss, output and metrics of each.
"""

from typing import Any, Optional, Sequence, Union

import numpy
import torch
from allennlp.common.checks import ConfigurationError
from allennlp.data import Field
from allennlp.data.fields import ArrayField, LabelField
from allennlp.training.metrics import CategoricalAccuracy, FBetaMeasure
from scipy.stats import pearsonr, spearmanr
from sklearn.metrics import f1_score, matthews_corrcoef, mean_squared_error
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, mse_loss

from bert_classification.classification.label_weights import balanced_weights, per_label
from bert_classification.data.values import find_label
from bert_classification.training.calibration import Calibration, make_calibration
from bert_classification.training.calibration_scores import AnyRight
from bert_classification.training.collected_metric import CollectedMetric


class SingleLabel(torch.nn.Module):
    """
    One of several labels: cross-entropy; accuracy, F1 per label, macro and micro, and Matthews
    correlation.
    """

    settings = ("top_k", "probs", "abstain_below")
    class_weights: Optional[Tensor]

    def __init__(
        self,
        names: Sequence[str],
        class_weights: Optional[Tensor] = None,
        label_smoothing: float = 0.0,
        top_k: Optional[int] = None,
    ) -> None:
        super().__init__()
        self.names = names
        self._label_smoothing = label_smoothing
        self._top_k = top_k
        self.register_buffer("class_weights", class_weights)
        self._accuracy = CategoricalAccuracy()
        self._f1 = FBetaMeasure()
        self._micro_f1 = FBetaMeasure(average="micro")
        self._matthews = CollectedMetric(
            lambda predicted, gold: {"matthews": matthews_corrcoef(gold, predicted)}
        )

    def make_calibration(self, value: Any) -> Optional[Calibration]:
        return make_calibration(value)

    def predictions(self, raw: Tensor, logits: Tensor, label: Tensor) -> tuple[list, list]:
        """Gives what is to be calibrated: logits as they were, and gold."""
        return list(raw.detach().float().cpu().numpy()), label.tolist()

    def output(self, logits: Tensor) -> dict[str, Tensor]:
        return {"probs": logits.softmax(-1)}

    def loss(self, logits: Tensor, label: Tensor) -> Tensor:
        _expect_label(label.dim() == 1 and not label.is_floating_point())
        return cross_entropy(
            logits, label, weight=self.class_weights, label_smoothing=self._label_smoothing
        )

    def update(self, logits: Tensor, label: Tensor) -> None:
        for metric in (self._accuracy, self._f1, self._micro_f1):
            metric(logits, label)
        self._matthews(logits.argmax(-1).tolist(), label.tolist())

    def decode(self, output: dict[str, Any]) -> dict[str, list]:
        ranked = output["probs"].sort(-1, descending=True)
        rows = zip(ranked.indices.tolist(), ranked.values.tolist())
        named = [[(self.names[index], prob) for index, prob in zip(*row)] for row in rows]
        decoded: dict[str, list] = {"label": [row[0][0] for row in named]}
        if self._top_k is not None:
            decoded["top_k"] = [
                [{"label": name, "prob": prob} for name, prob in row[: self._top_k]]
                for row in named
            ]
        return decoded

    def predicted_field(self, output: dict[str, Any]) -> Field:
        """Makes the field of the best label, or of the one that a caller wants by its name."""
        wanted = "probs" not in output
        index = find_label(output["label"], self.names) if wanted else output["probs"].argmax()
        return LabelField(int(index), skip_indexing=True)

    def metrics(self, reset: bool) -> dict[str, float]:
        f1 = self._f1.get_metric(reset)["fscore"]
        return {
            "accuracy": float(self._accuracy.get_metric(reset)),
            "macro_f1": sum(f1) / len(f1),
            "micro_f1": float(self._micro_f1.get_metric(reset)["fscore"]),
            **self._matthews.get_metric(reset),
            **{f"f1/{name}": float(value) for name, value in zip(self.names, f1)},
        }


class MultiLabel(torch.nn.Module):
    """
    Any of several labels: binary cross-entropy for each; F1 per label, macro and micro, at the
    thresholds. With `tune_threshold` they are searched on the validation set after each epoch of
    training, `global` for the best micro F1, `per_label` for the best F1 of each, and kept with the
    weights.
    """

    settings = ("top_k", "threshold", "probs", "abstain_below")
    thresholds: Tensor
    pos_weight: Optional[Tensor]

    def __init__(
        self,
        names: Sequence[str],
        thresholds: Tensor,
        tune_threshold: Optional[str] = None,
        pos_weight: Optional[Tensor] = None,
    ) -> None:
        super().__init__()
        if tune_threshold not in (None, "global", "per_label"):
            raise ConfigurationError(
                f"`tune_threshold` is {tune_threshold!r}; expected `global` or `per_label`."
            )
        self.names = names
        self._tune_threshold = tune_threshold
        self._is_to_tune = False
        self.register_buffer("thresholds", thresholds)
        self.register_buffer("pos_weight", pos_weight)
        self._f1 = CollectedMetric(self._compute)

    def train(self, mode: bool = True) -> "MultiLabel":
        """
        Notes that training has begun; the next metrics of an evaluation are those to tune by. So it
        follows from what the trainer does and needs no place in a checkpoint.
        """
        self._is_to_tune |= mode
        return super().train(mode)

    def make_calibration(self, value: Any) -> Optional[Calibration]:
        return make_calibration(value, AnyRight, self._move_thresholds)

    def _move_thresholds(self, factor: float) -> None:
        """Lets the same labels be given when all logits become larger by a factor."""
        self.thresholds.copy_((self.thresholds.double().logit() * factor).sigmoid())

    def predictions(self, raw: Tensor, logits: Tensor, label: Tensor) -> tuple[list, list]:
        """Gives what is to be calibrated: logits as they were with the labels given, and gold."""
        given = logits.sigmoid() >= self.thresholds
        arrays = (each.detach().float().cpu().numpy() for each in (raw, given, label))
        rows, chosen, gold = arrays
        return list(zip(rows, chosen.astype(bool))), list(gold.astype(bool))

    def output(self, logits: Tensor) -> dict[str, Tensor]:
        return {"probs": logits.sigmoid()}

    def loss(self, logits: Tensor, label: Tensor) -> Tensor:
        _expect_label(label.shape == logits.shape)
        return binary_cross_entropy_with_logits(logits, label.float(), pos_weight=self.pos_weight)

    def update(self, logits: Tensor, label: Tensor) -> None:
        self._f1(list(logits.detach().sigmoid().cpu().numpy()), list(label.bool().cpu().numpy()))

    def decode(self, output: dict[str, Any]) -> dict[str, list]:
        chosen = output["probs"] >= self.thresholds
        return {
            "labels": [
                [name for name, among in zip(self.names, row) if among] for row in chosen.tolist()
            ]
        }

    def predicted_field(self, output: dict[str, Any]) -> Field:
        """Makes the field of the labels given, or of those that a caller wants by their names."""
        if "probs" in output:
            chosen = output["probs"] >= self.thresholds.cpu().numpy()
        else:
            chosen = numpy.zeros(len(self.names), bool)
            chosen[[find_label(name, self.names) for name in output["labels"]]] = True
        return ArrayField(chosen.astype(numpy.float32))

    def metrics(self, reset: bool) -> dict[str, float]:
        return self._f1.get_metric(reset)

    def _compute(self, probs: list, gold: list) -> dict[str, float]:
        probabilities, labels = numpy.stack(probs), numpy.stack(gold)
        if self._tune_threshold is not None and self._is_to_tune and not self.training:
            self._is_to_tune = False
            best = _best_thresholds(probabilities, labels, self._tune_threshold)
            self.thresholds.copy_(torch.from_numpy(best))
        chosen = probabilities >= self.thresholds.cpu().numpy()
        of_each = f1_score(labels, chosen, average=None, zero_division=0.0)
        return {
            "micro_f1": f1_score(labels, chosen, average="micro", zero_division=0.0),
            "macro_f1": of_each.mean(),
            **{f"f1/{name}": value for name, value in zip(self.names, of_each)},
        }


class Regression(torch.nn.Module):
    """A number: mean squared error; Pearson and Spearman correlation, and mean squared error."""

    names = ("score",)
    settings = ()

    def __init__(self) -> None:
        super().__init__()
        self._scores = CollectedMetric(_compute_scores)

    def make_calibration(self, value: Any) -> None:
        if value is not None:
            raise ConfigurationError(
                "`model.calibration` has no meaning with `problem_type: regression`, whose score "
                "is no probability."
            )

    def predictions(self, raw: Tensor, logits: Tensor, label: Tensor) -> tuple[list, list]:
        return [], []

    def output(self, logits: Tensor) -> dict[str, Tensor]:
        return {"score": logits.squeeze(-1)}

    def loss(self, logits: Tensor, label: Tensor) -> Tensor:
        _expect_label(label.dim() == 1 and label.is_floating_point())
        return mse_loss(logits.squeeze(-1), label)

    def update(self, logits: Tensor, label: Tensor) -> None:
        self._scores(logits.squeeze(-1).tolist(), label.tolist())

    def decode(self, output: dict[str, Any]) -> dict[str, list]:
        return {}

    def predicted_field(self, output: dict[str, Any]) -> Field:
        # At the score itself the loss is flat; one above, it falls where the score rises.
        return ArrayField(numpy.array(output["score"] + 1, numpy.float32))

    def metrics(self, reset: bool) -> dict[str, float]:
        return self._scores.get_metric(reset)


def make_objective(
    problem_type: str,
    names: Sequence[str],
    counts: Sequence[int],
    options: dict[str, Any],
) -> Union[SingleLabel, MultiLabel, Regression]:
    """
    Makes the objective of a problem type, by its name. `options` are the model's arguments, `None`
    where not given.

    # Raises

    `ConfigurationError` for an unknown name, and for options that belong to another problem type.
    """
    belonging = {
        "single_label_classification": ("class_weights", "label_smoothing", "top_k"),
        "multi_label_classification": ("pos_weight", "threshold", "tune_threshold"),
        "regression": (),
    }
    if problem_type not in belonging:
        raise ConfigurationError(
            f"`problem_type` is {problem_type!r}; expected one of {', '.join(belonging)}."
        )
    given = {key: value for key, value in options.items() if value is not None}
    foreign = [key for key in given if key not in belonging[problem_type]]
    if foreign:
        raise ConfigurationError(
            f"`model.{foreign[0]}` has no meaning with `problem_type: {problem_type}`."
        )
    if problem_type == "single_label_classification":
        weights = given.pop("class_weights", None)
        if weights == "balanced":
            return SingleLabel(names, balanced_weights(counts or [1] * len(names)), **given)
        tensor = None if weights is None else per_label("class_weights", weights, names)
        return SingleLabel(names, tensor, **given)
    if problem_type == "multi_label_classification":
        thresholds = per_label("threshold", given.pop("threshold", 0.5), names)
        pos_weight = given.pop("pos_weight", None)
        tensor = None if pos_weight is None else per_label("pos_weight", pos_weight, names)
        return MultiLabel(names, thresholds, pos_weight=tensor, **given)
    return Regression()


def _best_thresholds(probs: numpy.ndarray, gold: numpy.ndarray, kind: str) -> numpy.ndarray:
    """Finds the thresholds with the best F1, among 0.05, 0.1, ..., 0.95."""
    candidates = numpy.linspace(0.05, 0.95, 19)
    average = "micro" if kind == "global" else None
    scores = [
        f1_score(gold, probs >= each, average=average, zero_division=0.0) for each in candidates
    ]
    best = candidates[numpy.argmax(scores, axis=0)]
    return numpy.broadcast_to(best, probs.shape[1:]).astype(numpy.float32)


def _compute_scores(predicted: list, gold: list) -> dict[str, float]:
    # A correlation needs two values that differ.
    varied = len(set(gold)) > 1 and len(set(predicted)) > 1
    return {
        "pearson": pearsonr(predicted, gold)[0] if varied else 0.0,
        "spearman": spearmanr(predicted, gold)[0] if varied else 0.0,
        "mse": mean_squared_error(gold, predicted),
    }


def _expect_label(as_expected: bool) -> None:
    if not as_expected:
        raise ConfigurationError(
            "The labels of the data are of another kind than `model.problem_type`; "
            "`dataset_reader.problem_type` has to be the same."
        )
