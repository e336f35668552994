"""
What each layer of a BERT knows of the labels: a linear classifier over its hidden states (Alain and
Bengio 2017, Tenney et al. 2019).
"""

from dataclasses import replace
from typing import Any, Iterator, Optional, Sequence, Union

import numpy
import torch
from allennlp.common.checks import ConfigurationError
from allennlp.common.util import JsonDict, lazy_groups_of
from allennlp.data import Batch, Instance
from allennlp.nn.util import move_to_device
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold, StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor

from bert_classification.interpret.gradients import metrics_apart
from bert_classification.predictor import BertPredictor, with_settings

POOLINGS = ("cls", "mean")
FOLDS = 5
EXAMPLES_AT_ONCE = 16


def probe(
    predictor: BertPredictor, path: str, pooling: str = "cls", max_examples: int = 2000
) -> JsonDict:
    """
    Measures how well a linear probe tells the labels of a file from the hidden states of each
    layer.

    # Parameters

    path : `str`
        Labelled data, as the model's reader reads them: one label a text, or a tag for each word.
    pooling : `str`, optional (default = `cls`)
        What stands for a text: `cls`, its first piece, or `mean`, of all of its pieces. For a word
        it is always its first piece.
    max_examples : `int`, optional (default = `2000`)
        The most texts, or words, from the beginning of the file.

    # Returns

    `JsonDict`: `examples`, their number; `labels`, how often there is each; `pooling`; `baseline`,
    the accuracy of always saying the most frequent label; and `layers`, a list of `{"layer": ...,
    "accuracy": ..., "deviation": ...}`, where layer 0 are the embeddings, with the mean and the
    standard deviation of five folds, each of them told by a probe that has seen the other four.

    # Raises

    `ConfigurationError` where there is no label a text or word, or where all are the same.
    """
    if pooling not in POOLINGS:
        raise ConfigurationError(f"`pooling` is {pooling!r}; expected cls or mean.")
    vectors, labels = _collect(predictor, path, pooling, max_examples)
    names, counts = numpy.unique(labels, return_counts=True)
    if len(names) < 2 or len(labels) < 2 * FOLDS:
        raise ConfigurationError(
            f"{path}: {len(labels)} labels of {len(names)} kinds; expected at least {2 * FOLDS} "
            "labels of two kinds."
        )
    return {
        "examples": len(labels),
        "labels": dict(zip(names.tolist(), counts.tolist())),
        "pooling": "first piece of a word" if predictor.gold_key == "tags" else pooling,
        "baseline": float(counts.max() / len(labels)),
        "layers": [
            {"layer": layer, **_accuracy(vectors[:, layer], labels)}
            for layer in range(vectors.shape[1])
        ],
    }


def _accuracy(vectors: numpy.ndarray, labels: numpy.ndarray) -> JsonDict:
    classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000, C=0.1))
    _, counts = numpy.unique(labels, return_counts=True)
    folds: Union[KFold, StratifiedKFold] = KFold(FOLDS, shuffle=True, random_state=0)
    if counts.min() >= FOLDS:
        folds = StratifiedKFold(FOLDS, shuffle=True, random_state=0)
    scores = cross_val_score(classifier, vectors, labels, cv=folds)
    return {"accuracy": float(scores.mean()), "deviation": float(scores.std())}


def _collect(
    predictor: BertPredictor, path: str, pooling: str, max_examples: int
) -> tuple[numpy.ndarray, numpy.ndarray]:
    """Gives vectors of shape `(examples, layers + 1, width)`, and their labels."""
    reader = predictor._dataset_reader
    vectors: list[Tensor] = []
    labels: list[str] = []
    for located in lazy_groups_of(reader.examples(path), EXAMPLES_AT_ONCE):
        examples = [example for _, example in located]
        instances = reader.to_instances(examples)
        hidden = _hidden_states(predictor, instances)
        for example, instance, states in zip(examples, instances, hidden):
            found, golds = _of_example(example, instance, states, pooling)
            vectors.append(found)
            labels += [
                str(predictor.labels[gold] if isinstance(gold, int) else gold) for gold in golds
            ]
        if len(labels) >= max_examples:
            break
    return torch.cat(vectors)[:max_examples].numpy(), numpy.array(labels[:max_examples])


def _hidden_states(predictor: BertPredictor, instances: Sequence[Instance]) -> Iterator[Any]:
    """Yields the hidden states of each text, shape `(rows, layers + 1, length, width)`."""
    wanted = replace(predictor._model.text_input, output_hidden_states=True)
    model = with_settings(predictor._model, text_input=wanted)
    batch = Batch(instances)
    batch.index_instances(model.vocab)
    tensors = move_to_device(batch.as_tensor_dict(), predictor.cuda_device)
    with torch.inference_mode(), metrics_apart(predictor):
        states = model(**tensors)["hidden_states"].cpu()
    # A text that is one row has no dimension of rows.
    yield from states if states.dim() == 5 else states.unsqueeze(1)


def _of_example(
    example: Any, instance: Instance, states: Tensor, pooling: str
) -> tuple[Tensor, list[Any]]:
    """Gives vectors of shape `(labels, layers + 1, width)`, and the labels."""
    tags: Optional[Sequence[str]] = getattr(example, "tags", None)
    if tags is not None:
        return _of_words(instance, states), list(tags)
    label = getattr(example, "label", None)
    if not isinstance(label, (str, int)) or hasattr(example, "choices"):
        raise ConfigurationError(
            "A probe reads one label a text, or a tag for each word; this task has others."
        )
    row: Any = instance["tokens"]
    length = len(row[0]) if hasattr(row, "field_list") else len(row)
    # (layers + 1, width), of the first window.
    vector = states[0, :, 0] if pooling == "cls" else states[0, :, :length].mean(1)
    return vector.unsqueeze(0), [label]


def _of_words(instance: Instance, states: Tensor) -> Tensor:
    found: dict[int, Tensor] = {}
    windows: Any = instance["word_ids"]
    for row, window in enumerate(windows):
        for piece, word in enumerate(window.words.tolist()):
            if word >= 0:
                found.setdefault(word, states[row, :, piece])
    return torch.stack([found[word] for word in range(len(found))])
