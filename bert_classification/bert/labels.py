"""The labels of a fine-tuned checkpoint: those of the data, in whatever order."""

import logging
from typing import Any, Mapping, Optional, Sequence

import torch
from allennlp.common.checks import ConfigurationError
from transformers import PreTrainedModel

logger = logging.getLogger(__name__)

WAY_OUT = "`model.fresh_head: true` trains a new final layer in the place of the checkpoint's"
NAME_THEM = "`allennlp from-hf --labels FILE` names them, one a line in the order of the outputs."


def label_settings(labels: Sequence[str]) -> dict[str, Any]:
    """Makes the entries of a BERT's configuration that hold the names of its outputs."""
    return {
        "id2label": dict(enumerate(labels)),
        "label2id": {label: index for index, label in enumerate(labels)},
    }


def check_label_names(name: str, settings: Mapping[str, Any]) -> None:
    """
    Looks at what the config.json of a checkpoint says of its labels.

    # Raises

    `ConfigurationError` when they are not as many as `num_labels`, not numbered from 0 on, or not
    names that differ.
    """
    names = settings.get("id2label")
    if names is None:
        return
    if not isinstance(names, dict) or set(names) != {str(index) for index in range(len(names))}:
        raise ConfigurationError(
            f"{name}: `id2label` in its config.json is {_shorten(names)}; expected a name for each "
            f"of 0, 1 and so on. {NAME_THEM}"
        )
    number = settings.get("num_labels")
    if number not in (None, len(names)):
        raise ConfigurationError(
            f"{name}: `id2label` in its config.json names {len(names)} labels, and `num_labels` is "
            f"{_shorten(number)}. {NAME_THEM}"
        )
    values = list(names.values())
    for value in values:
        if not isinstance(value, str) or not value.strip() or values.count(value) > 1:
            raise ConfigurationError(
                f"{name}: `id2label` in its config.json has {_shorten(value)}; expected names, "
                f"each once. {NAME_THEM}"
            )


def check_number_of_labels(name: str, settings: Mapping[str, Any], labels: Sequence[str]) -> None:
    """
    Raises `ConfigurationError` when a user names more or fewer labels than the config.json of a
    checkpoint says that there are, where it does.
    """
    said = {settings.get("num_labels"), len(settings.get("id2label") or ())} - {None, 0}
    if said and len(labels) not in said:
        raise ConfigurationError(
            f"`--labels` names {len(labels)} labels; {name} has {' or '.join(map(str, said))} "
            "outputs, by its config.json."
        )


def _shorten(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 100 else f"{text[:100]}..."


def label_permutation(name: str, theirs: Sequence[str], labels: Sequence[str]) -> list[int]:
    """
    Finds for each label of the data the row of the checkpoint's final layer that stands for it.

    # Parameters

    name : `str`
        The checkpoint.
    theirs : `Sequence[str]`
        Its labels in the order of its rows. Where nobody named them they are `LABEL_0`, `LABEL_1`
        and so on; data whose labels are the numbers 0, 1 and so on has the same rows, other data
        gets them in its own order.
    labels : `Sequence[str]`
        The labels of the data. The only output of a regression has any name.

    # Raises

    `ConfigurationError`, which shows both lists, when the labels are not the same ones.
    """
    rows = list(range(len(theirs)))
    nameless = list(theirs) == [f"LABEL_{row}" for row in rows]
    if set(labels) == set(theirs):
        return [list(theirs).index(label) for label in labels]
    if nameless and set(labels) == {str(row) for row in rows}:
        return [int(label) for label in labels]
    if len(labels) == len(theirs) and (nameless or len(labels) == 1):
        if nameless and len(labels) > 1:
            logger.warning(
                "%s does not name its labels; its rows are taken for %s, in this order, which "
                "`dataset_reader.label_names` sets.",
                name,
                ", ".join(labels),
            )
        return rows
    raise ConfigurationError(
        f"{name} was fine-tuned for {len(theirs)} labels: {', '.join(theirs)}; the data has "
        f"{len(labels)}: {', '.join(labels)}. They have to be the same ones, in any order: "
        "`dataset_reader.label_names` lists all labels and names those that are numbers; "
        f"{WAY_OUT}."
    )


def check_problem_type(name: str, theirs: Optional[str], wanted: Optional[str]) -> None:
    """Raises `ConfigurationError` when a checkpoint was fine-tuned for another problem type."""
    if theirs is not None and wanted is not None and theirs != wanted:
        raise ConfigurationError(
            f"{name} was fine-tuned with `problem_type: {theirs}`; `model.problem_type` is "
            f"{wanted}. Set it, and `dataset_reader.problem_type`, to the checkpoint's; {WAY_OUT}."
        )


def reorder_classifier(
    classifier: torch.nn.Linear, name: str, theirs: Mapping[int, str], labels: Sequence[str]
) -> None:
    """Puts the rows of the checkpoint's final layer into the order of the data's labels."""
    names = [theirs[index] for index in sorted(theirs)]
    rows = label_permutation(name, names, labels)
    with torch.no_grad():
        for parameter in classifier.parameters():
            parameter.copy_(parameter[rows])


def reinitialize_classifier(model: PreTrainedModel) -> None:
    """Draws a new final layer, as every new model of transformers has it."""
    torch.nn.init.normal_(model.classifier.weight, std=model.config.initializer_range)
    torch.nn.init.zeros_(model.classifier.bias)
