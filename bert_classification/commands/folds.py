"""Labelled records in folds, each of which is predicted by a model that did not see it."""

import json
import math
from collections import Counter
from itertools import islice
from typing import Any, Iterator, NamedTuple, Optional, Sequence

import numpy
from allennlp.common import Tqdm
from allennlp.common.checks import ConfigurationError
from allennlp.common.util import lazy_groups_of
from allennlp.data import Instance
from scipy.stats import t as students
from sklearn.model_selection import GroupKFold, KFold, StratifiedKFold

from bert_classification.data.json_values import describe, shorten
from bert_classification.data.records import Record
from bert_classification.reader import EXAMPLES_AT_ONCE, BertReader

LEVEL = 0.95


class Fold(NamedTuple):
    """The positions of the records that a fold is trained on, and of those that it predicts."""

    train: list[int]
    held_out: list[int]


class Data(NamedTuple):
    """Records, what the task reads of them, and their instances, in one order."""

    records: list[Record]
    examples: list[Any]
    instances: list[Instance]


def read_data(reader: BertReader, path: str) -> Data:
    """
    Reads and tokenizes labelled records.

    # Raises

    `ConfigurationError` that names file and line, for a record that is none or has no label.
    """
    data = Data([], [], [])
    records = islice(reader.records(path), reader.max_instances)
    for group in lazy_groups_of(Tqdm.tqdm(records, desc="reading"), EXAMPLES_AT_ONCE):
        examples = [reader.parse_labelled(record) for record in group]
        for record, instance in zip(group, reader.instances_or_errors(examples)):
            if isinstance(instance, Exception):
                raise ConfigurationError(f"{record.location}: {instance}") from instance
            data.instances.append(instance)
        data.records.extend(group)
        data.examples.extend(examples)
    reader.report(path)
    return data


def split(
    records: Sequence[Record],
    folds: int,
    seed: int,
    stratify: Optional[str] = None,
    group: Optional[str] = None,
) -> list[Fold]:
    """
    Splits records by scikit-learn: at random, with the same shares of the values of a key in all
    folds, or with all records of one value in one fold.

    # Raises

    `ConfigurationError` for fewer records, values or groups than folds, and for a record without
    the key.
    """
    if len(records) < folds:
        raise ConfigurationError(f"`--folds` is {folds}; there are {len(records)} records.")
    if stratify is not None:
        values = _values(records, stratify, "--stratify")
        rarest, count = min(Counter(values).items(), key=lambda each: each[1])
        if count < folds:
            raise ConfigurationError(
                f"`--stratify {stratify}`: {count} of {len(records)} records have {rarest}, fewer "
                f"than the {folds} folds; take fewer folds, or these records out."
            )
        by_value = StratifiedKFold(folds, shuffle=True, random_state=seed)
        return _folds(by_value.split(records, values))
    if group is not None:
        groups = _values(records, group, "--group")
        if len(set(groups)) < folds:
            raise ConfigurationError(
                f"`--group {group}` makes {len(set(groups))} groups, fewer than the {folds} folds."
            )
        by_group = GroupKFold(folds, shuffle=True, random_state=seed)
        return _folds(by_group.split(records, groups=groups))
    return _folds(KFold(folds, shuffle=True, random_state=seed).split(records))


def _folds(pairs: Iterator[tuple[Any, Any]]) -> list[Fold]:
    return [Fold(train.tolist(), held_out.tolist()) for train, held_out in pairs]


def _values(records: Sequence[Record], key: str, option: str) -> list[str]:
    values = []
    for record in records:
        value = record.values.get(key)
        if value is None or isinstance(value, (list, dict)):
            found = "no such key" if key not in record.values else describe(value)
            raise ConfigurationError(
                f"{record.location}: `{option} {key}`: expected one value a record, got {found}."
            )
        values.append(json.dumps(value, ensure_ascii=False))
    return values


def check_labels(
    folds: Sequence[Fold], data: Data, labels: Sequence[Sequence[Any]], may_lack: bool
) -> list[str]:
    """
    Looks for labels that a fold would have to predict without having seen them.

    # Parameters

    labels : `Sequence[Sequence[Any]]`
        Those of each record.
    may_lack : `bool`
        Whether that is a warning, which is returned, and no error.

    # Raises

    `ConfigurationError` that names the label, the record and the fold.
    """
    warnings = []
    for number, fold in enumerate(folds, 1):
        known = {label for index in fold.train for label in labels[index]}
        for index in fold.held_out:
            for label in labels[index]:
                if label not in known:
                    message = (
                        f"{data.records[index].location}: fold {number} has no record with the "
                        f"label {shorten(repr(label))} to train on, and predicts this one; try "
                        "`--stratify`, fewer folds, or more such records."
                    )
                    if not may_lack:
                        raise ConfigurationError(message)
                    known.add(label)
                    warnings.append(message)
    return warnings


def summarize(values: Sequence[float], folds: int) -> dict[str, Any]:
    """
    Gives the mean of a metric over all folds, its standard deviation, and the interval that holds
    the expected value with 95 %: of a t distribution whose variance is corrected for the training
    data that folds have in common (Nadeau and Bengio 2003).
    """
    mean = float(numpy.mean(values))
    deviation = float(numpy.std(values, ddof=1))
    width = students.ppf((1 + LEVEL) / 2, len(values) - 1) * deviation
    width *= math.sqrt(1 / len(values) + 1 / (folds - 1))
    return {
        "mean": mean,
        "deviation": deviation,
        "interval": [mean - float(width), mean + float(width)],
        "values": list(values),
    }
