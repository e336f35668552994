"""
The tasks, each on a public data set: how much of it, what is set for both sides, and what is
measured. The sizes are small on purpose: ten tasks, two sides and three seeds in an hour or two.
"""

from pathlib import Path
from typing import Any, Callable, NamedTuple, Optional

from transformers import (
    BertForMaskedLM,
    BertForMultipleChoice,
    BertForNextSentencePrediction,
    BertForPreTraining,
    BertForQuestionAnswering,
    BertForSequenceClassification,
    BertForTokenClassification,
    BertLMHeadModel,
    BertPreTrainedModel,
)

from benchmarks.quality import features, files, measures, scores
from benchmarks.quality.features import BLOCK_SIZE, DOC_STRIDE, MAX_PIECES, PAIRS_SEED
from benchmarks.quality.files import Amounts, Files
from benchmarks.quality.measures import Measure, decoded
from benchmarks.quality.scores import Score

Settings = Callable[[Path], dict[str, Any]]
"""What transformers' configuration has to know, of the training file."""


class Task(NamedTuple):
    """
    config : `str`, the one of `training_config`.
    data : `str`, the data set's name.
    unit : `str`, what `amounts` counts.
    amounts : `Amounts`, what is taken of the data.
    epochs, batch_size, learning_rate : of both sides.
    metric : `str`, the figure of the table, by its name in the scores.
    write : makes the files that both sides read.
    head : `type`, the class of transformers.
    read, collate, measure : the plain side's way from a file to tensors, and to scores.
    overrides : `dict`, of our config, with `__` for the dots.
    answer : what is scored of an output of `allennlp predict`; a language model has none, and is
        measured as the plain side's is, after `allennlp export-hf`.
    score : the score of these answers.
    settings : of `head`.
    own : `str`, the metric's name in our `metrics.json`, where it is another.
    lower_is_better : `bool`.
    """

    config: str
    data: str
    unit: str
    amounts: Amounts
    epochs: int
    batch_size: int
    learning_rate: float
    metric: str
    write: Callable[[Path, Path, Amounts], Files]
    head: type[BertPreTrainedModel]
    read: features.Read
    collate: features.Collate
    measure: Measure
    overrides: dict[str, Any] = {}
    answer: Optional[Callable[[dict[str, Any]], Any]] = None
    score: Optional[Score] = None
    settings: Settings = lambda train: {}
    own: Optional[str] = None
    lower_is_better: bool = False


def labels(names: list[str], **more: Any) -> dict[str, Any]:
    by_name = {name: index for index, name in enumerate(names)}
    return {"id2label": dict(enumerate(names)), "label2id": by_name, **more}


def emotions(train: Path) -> dict[str, Any]:
    names = features.emotions_of(train)
    return labels(names, problem_type="multi_label_classification")


TASKS = {
    "classification": Task(
        "classification",
        "SST-2",
        "sentences",
        Amounts(2000, 600),
        *(1, 32, 2e-4),
        "accuracy",
        files.sst2,
        BertForSequenceClassification,
        features.sst2,
        features.with_labels,
        decoded(measures.best_label, scores.accuracy),
        {"dataset_reader__columns": {"text": "sentence"}, "model__dropout": 0.1},
        lambda output: output["label"],
        scores.accuracy,
        lambda train: labels(["0", "1"]),
    ),
    "regression": Task(
        "classification",
        "STS-B",
        "pairs",
        Amounts(1000, 500),
        *(1, 16, 2e-4),
        "pearson",
        files.stsb,
        BertForSequenceClassification,
        features.stsb,
        features.with_labels,
        decoded(measures.number, scores.correlation),
        {
            "dataset_reader__problem_type": "regression",
            "dataset_reader__columns": {
                "text": "sentence1",
                "text_pair": "sentence2",
                "label": "score",
            },
            "model__problem_type": "regression",
            "model__dropout": 0.1,
        },
        lambda output: output["score"],
        scores.correlation,
        lambda train: {"num_labels": 1, "problem_type": "regression"},
    ),
    "multi_label": Task(
        "classification",
        "GoEmotions",
        "comments",
        Amounts(1500, 600),
        *(1, 16, 5e-4),
        "micro_f1",
        files.goemotions,
        BertForSequenceClassification,
        features.goemotions,
        features.with_labels,
        decoded(measures.likely_labels, scores.label_f1),
        {
            "dataset_reader__problem_type": "multi_label_classification",
            "dataset_reader__columns": {"text": 0, "label": 1},
            "dataset_reader__label_delimiter": ",",
            "dataset_reader__label_names": "labels.txt",
            "model__problem_type": "multi_label_classification",
            "model__dropout": 0.1,
        },
        lambda output: set(output["labels"]),
        scores.label_f1,
        emotions,
    ),
    "next_sentence_prediction": Task(
        "next_sentence_prediction",
        "WikiText-2",
        "sentences",
        Amounts(500, 200),
        *(1, 8, 2e-4),
        "accuracy",
        files.documents,
        BertForNextSentencePrediction,
        features.sentence_pairs,
        features.with_labels,
        decoded(measures.next_sentence, scores.accuracy),
        {"dataset_reader__seed": PAIRS_SEED},
        lambda output: output["label"],
        scores.accuracy,
    ),
    "masked_lm": Task(
        "masked_lm",
        "WikiText-2",
        "words",
        Amounts(22_000, 3_000),
        *(1, 8, 5e-4),
        "perplexity",
        files.running_text,
        BertForMaskedLM,
        features.masked_blocks,
        features.with_masks,
        measures.masked_pieces,
        {"dataset_reader__block_size": BLOCK_SIZE},
        lower_is_better=True,
    ),
    "causal_lm": Task(
        "causal_lm",
        "WikiText-2",
        "words",
        Amounts(12_000, 3_000),
        *(1, 8, 5e-4),
        "perplexity",
        files.running_text,
        BertLMHeadModel,
        features.causal_blocks,
        features.with_next_pieces,
        measures.next_pieces,
        {"dataset_reader__block_size": BLOCK_SIZE},
        settings=lambda train: {"is_decoder": True},
        lower_is_better=True,
    ),
    "pretraining": Task(
        "pretraining",
        "WikiText-2",
        "sentences",
        Amounts(600, 100),
        *(1, 8, 5e-4),
        "perplexity",
        files.documents,
        BertForPreTraining,
        features.segment_pairs,
        features.with_masks_and_labels,
        measures.both_objectives,
        {
            "dataset_reader__seed": PAIRS_SEED,
            "dataset_reader__token_indexers__bert__max_pieces": BLOCK_SIZE,
        },
        lower_is_better=True,
    ),
    "multiple_choice": Task(
        "multiple_choice",
        "CommonsenseQA",
        "questions",
        Amounts(600, 200),
        *(1, 8, 2e-4),
        "accuracy",
        files.commonsense,
        BertForMultipleChoice,
        features.commonsense,
        features.with_choices,
        decoded(measures.choice, scores.accuracy),
        {"model__dropout": 0.1},
        lambda output: output["label"],
        scores.accuracy,
    ),
    "token_classification": Task(
        "token_classification",
        "WNUT17",
        "sentences",
        Amounts(1000, 400),
        *(1, 8, 5e-4),
        "f1",
        files.wnut17,
        BertForTokenClassification,
        features.wnut17,
        features.with_tags,
        decoded(measures.tags, scores.span_f1),
        {},
        lambda output: output["tags"],
        scores.span_f1,
        lambda train: labels(features.tags_of(train)),
    ),
    "question_answering": Task(
        "question_answering",
        "SQuAD 1.1",
        "questions",
        Amounts(400, 100),
        *(1, 8, 3e-4),
        "f1",
        files.squad,
        BertForQuestionAnswering,
        features.squad,
        features.with_spans,
        measures.questions,
        {
            "dataset_reader__token_indexers__bert__max_pieces": MAX_PIECES,
            "dataset_reader__doc_stride": DOC_STRIDE,
        },
        lambda output: output["answer"],
        scores.answers,
    ),
}
