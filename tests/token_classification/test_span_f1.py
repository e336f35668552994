"""Scores of spans against seqeval."""

import random

import pytest
from seqeval.metrics import accuracy_score, classification_report, f1_score
from seqeval.scheme import IOB2

from bert_classification.token_classification.span_f1 import SpanF1
from bert_classification.token_classification.tag_schemes import to_iob2
from tests.token_classification.support import TAGS


def test_equal_to_seqeval_over_batches() -> None:
    random.seed(5)
    tags = [*TAGS, "O", "O", "O"]
    gold = [to_iob2(random.choices(tags, k=random.randint(1, 12)), "IOB2") for _ in range(200)]
    found = [[random.choice([tag, random.choice(tags)]) for tag in text] for text in gold]
    metric = SpanF1(["LOC", "ORG", "PER"])
    for start in range(0, 200, 33):
        metric(found[start : start + 33], gold[start : start + 33])
    scores = metric.get_metric(reset=True)
    report = classification_report(gold, found, output_dict=True)
    assert scores["f1"] == pytest.approx(report["micro avg"]["f1-score"])
    assert scores["precision"] == pytest.approx(report["micro avg"]["precision"])
    assert scores["recall"] == pytest.approx(report["micro avg"]["recall"])
    assert scores["accuracy"] == pytest.approx(accuracy_score(gold, found))
    strict = f1_score(gold, found, mode="strict", scheme=IOB2)
    assert scores["strict_f1"] == pytest.approx(strict)
    assert strict != report["micro avg"]["f1-score"]
    for kind in ("LOC", "ORG", "PER"):
        assert scores[f"f1/{kind}"] == pytest.approx(report[kind]["f1-score"])
    assert all(type(score) is float for score in scores.values())
    assert set(metric.get_metric().values()) == {0.0}
