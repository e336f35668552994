"""
The tasks, each on a public data set: how much of it, what is set for both sides, and what is
measured. The sizes are small on purpose, so that anybody can repeat all of it.
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

from benchmarks.quality import batches, features, files, measures, scores
from benchmarks.quality.batches import Collate
from benchmarks.quality.features import BLOCK_SIZE, DOC_STRIDE, MAX_PIECES, PAIRS_SEED
from benchmarks.quality.files import Amounts, Files
from benchmarks.quality.measures import Measure, decoded
from benchmarks.quality.scores import Score

Settings = Callable[[Path], dict[str, Any]]
"""What transformers' configuration has to know, of the training file."""


class Task(NamedTuple):
    """
    # Parameters

    config : `str`
        The one of `training_config`.
    data : `str`
        The name of the data set.
    write : `Callable`
        Makes the files that both sides read.
    amounts : `Amounts`
        What `write` takes of the data: examples; sentences of documents; or words.
    epochs, batch_size, learning_rate :
        Of both sides.
    metric : `str`
        The figure of the table, by its name in the scores.
    head : `type`
        The class of transformers, and its `settings`, of the training file.
    read, collate, measure : `Callable`
        The plain side's way from a file to tensors, and to scores.
    answer, score : `Callable`, optional
        What of an output of `allennlp predict` is scored, and how. A language model answers
        nothing; after `allennlp export-hf` it is measured as the plain side's.
    overrides : `dict`
        Of our config, with `__` for the dots of their paths.
    lower_is_better : `bool`
    """

    config: str
    data: str
    write: Callable[[Path, Path, Amounts], Files]
    amounts: Amounts
    batch_size: int
    learning_rate: float
    metric: str
    head: type[BertPreTrainedModel]
    read: features.Read
    collate: Collate
    measure: Measure
    answer: Optional[Callable[[dict[str, Any]], Any]] = None
    score: Optional[Score] = None
    settings: Settings = lambda train: {}
    overrides: dict[str, Any] = {}
    epochs: int = 1
    lower_is_better: bool = False


def labels(names: list[str], **more: Any) -> dict[str, Any]:
    by_name = {name: index for index, name in enumerate(names)}
    return {"id2label": dict(enumerate(names)), "label2id": by_name, **more}


def emotions(train: Path) -> dict[str, Any]:
    return labels(features.emotions_of(train), problem_type="multi_label_classification")


def problem_type(name: str) -> dict[str, Any]:
    # The dropout of transformers' head; ours has none by default.
    return {
        "dataset_reader__problem_type": name,
        "model__problem_type": name,
        "model__dropout": 0.1,
    }


TASKS = {
    "classification": Task(
        config="classification",
        data="SST-2",
        write=files.sst2,
        amounts=Amounts(2000, 600),
        batch_size=32,
        learning_rate=2e-4,
        metric="accuracy",
        head=BertForSequenceClassification,
        read=features.sst2,
        collate=batches.with_labels,
        measure=decoded(measures.best_label, scores.accuracy),
        answer=lambda output: output["label"],
        score=scores.accuracy,
        settings=lambda train: labels(["0", "1"]),
        overrides={
            **problem_type("single_label_classification"),
            "dataset_reader__columns": {"text": "sentence"},
        },
    ),
    "regression": Task(
        config="classification",
        data="STS-B",
        write=files.stsb,
        amounts=Amounts(2500, 500),
        batch_size=16,
        learning_rate=1e-4,
        metric="pearson",
        head=BertForSequenceClassification,
        read=features.stsb,
        collate=batches.with_labels,
        measure=decoded(measures.number, scores.correlation),
        answer=lambda output: output["score"],
        score=scores.correlation,
        settings=lambda train: {"num_labels": 1, "problem_type": "regression"},
        overrides={
            **problem_type("regression"),
            "dataset_reader__columns": {
                "text": "sentence1",
                "text_pair": "sentence2",
                "label": "score",
            },
        },
    ),
    "multi_label": Task(
        config="classification",
        data="GoEmotions",
        write=files.goemotions,
        amounts=Amounts(4000, 600),
        batch_size=16,
        learning_rate=2e-4,
        epochs=2,
        metric="micro_f1",
        head=BertForSequenceClassification,
        read=features.goemotions,
        collate=batches.with_labels,
        measure=decoded(measures.likely_labels, scores.label_f1),
        answer=lambda output: set(output["labels"]),
        score=scores.label_f1,
        settings=emotions,
        overrides={
            **problem_type("multi_label_classification"),
            "dataset_reader__columns": {"text": 0, "label": 1},
            "dataset_reader__label_delimiter": ",",
            "dataset_reader__label_names": "labels.txt",
        },
    ),
    "next_sentence_prediction": Task(
        config="next_sentence_prediction",
        data="WikiText-2",
        write=files.documents,
        amounts=Amounts(500, 200),
        batch_size=8,
        learning_rate=2e-4,
        metric="accuracy",
        head=BertForNextSentencePrediction,
        read=features.sentence_pairs,
        collate=batches.with_labels,
        measure=decoded(measures.next_sentence, scores.accuracy),
        answer=lambda output: output["label"],
        score=scores.accuracy,
        overrides={"dataset_reader__seed": PAIRS_SEED},
    ),
    "masked_lm": Task(
        config="masked_lm",
        data="WikiText-2",
        write=files.running_text,
        amounts=Amounts(22_000, 3_000),
        batch_size=8,
        learning_rate=5e-4,
        metric="perplexity",
        head=BertForMaskedLM,
        read=features.masked_blocks,
        collate=batches.with_masks,
        measure=measures.masked_pieces,
        overrides={"dataset_reader__block_size": BLOCK_SIZE},
        lower_is_better=True,
    ),
    "causal_lm": Task(
        config="causal_lm",
        data="WikiText-2",
        write=files.running_text,
        amounts=Amounts(12_000, 3_000),
        batch_size=8,
        learning_rate=5e-4,
        metric="perplexity",
        head=BertLMHeadModel,
        read=features.causal_blocks,
        collate=batches.with_next_pieces,
        measure=measures.next_pieces,
        settings=lambda train: {"is_decoder": True},
        overrides={"dataset_reader__block_size": BLOCK_SIZE},
        lower_is_better=True,
    ),
    "pretraining": Task(
        config="pretraining",
        data="WikiText-2",
        write=files.documents,
        amounts=Amounts(600, 100),
        batch_size=8,
        learning_rate=5e-4,
        metric="perplexity",
        head=BertForPreTraining,
        read=features.segment_pairs,
        collate=batches.with_masks_and_labels,
        measure=measures.both_objectives,
        overrides={
            "dataset_reader__seed": PAIRS_SEED,
            "dataset_reader__token_indexers__bert__max_pieces": BLOCK_SIZE,
        },
        lower_is_better=True,
    ),
    "multiple_choice": Task(
        config="multiple_choice",
        data="CommonsenseQA",
        write=files.commonsense,
        amounts=Amounts(600, 200),
        batch_size=8,
        learning_rate=2e-4,
        metric="accuracy",
        head=BertForMultipleChoice,
        read=features.commonsense,
        collate=batches.with_choices,
        measure=decoded(measures.choice, scores.accuracy),
        answer=lambda output: output["label"],
        score=scores.accuracy,
        overrides={"model__dropout": 0.1},
    ),
    "token_classification": Task(
        config="token_classification",
        data="WNUT17",
        write=files.wnut17,
        amounts=Amounts(1000, 400),
        batch_size=8,
        learning_rate=2e-4,
        metric="f1",
        head=BertForTokenClassification,
        read=features.wnut17,
        collate=batches.with_tags,
        measure=decoded(measures.tags, scores.span_f1),
        answer=lambda output: output["tags"],
        score=scores.span_f1,
        settings=lambda train: labels(features.tags_of(train)),
    ),
    "question_answering": Task(
        config="question_answering",
        data="SQuAD 1.1",
        write=files.squad,
        amounts=Amounts(400, 100),
        batch_size=8,
        learning_rate=3e-4,
        metric="f1",
        head=BertForQuestionAnswering,
        read=features.squad,
        collate=batches.with_spans,
        measure=measures.questions,
        answer=lambda output: output["answer"],
        score=scores.answers,
        overrides={
            "dataset_reader__token_indexers__bert__max_pieces": MAX_PIECES,
            "dataset_reader__doc_stride": DOC_STRIDE,
        },
    ),
}
