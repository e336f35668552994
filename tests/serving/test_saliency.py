"""Word importance."""

from typing import Any, cast

import pytest
from allennlp.data import Vocabulary
from allennlp.predictors import Predictor

from bert_classification import (
    BertForClassification,
    BertForClassificationPredictor,
    BertForClassificationReader,
    PretrainedBertIndexer,
)
from bert_classification.data.records import RecordError
from bert_classification.serving.saliency import can_tell_importance, word_importance
from tests.support import BERT


@pytest.mark.parametrize(
    "precision, told", [("float32", True), ("bfloat16", True), ("int8", False)]
)
def test_importance_needs_gradients(archive_of, precision, told) -> None:
    predictor = cast(Any, Predictor.from_path(archive_of("classification"), precision=precision))
    assert can_tell_importance(predictor) == told
    if told:
        words = word_importance(predictor, {"text": "The soup was cold."})
        assert sum(word["score"] for word in words) == pytest.approx(1, abs=1e-3)


def predictor_of(problem_type: str, **options: Any) -> BertForClassificationPredictor:
    vocab = Vocabulary()
    vocab.add_tokens_to_namespace(
        ["score"] if problem_type == "regression" else ["a", "b"], "labels"
    )
    indexers = {"bert": PretrainedBertIndexer(BERT)}
    return BertForClassificationPredictor(
        BertForClassification(vocab, BERT, problem_type=problem_type),
        BertForClassificationReader(token_indexers=indexers, problem_type=problem_type, **options),
    )


class TestWordImportance:
    @pytest.mark.parametrize("problem_type", ["multi_label_classification", "regression"])
    def test_every_kind_of_label(self, problem_type) -> None:
        words = word_importance(predictor_of(problem_type), {"text": "The soup was cold."})
        assert [word["text"] for word in words] == ["The", "soup", "was", "cold", "."]
        assert sum(word["score"] for word in words) == pytest.approx(1)

    def test_windows_cover_a_long_text(self) -> None:
        windows = {"long_text": "windows", "doc_stride": 20}
        predictor = predictor_of("single_label_classification", **windows)
        text = " ".join(f"soup{index} was cold, and" for index in range(40))
        words = word_importance(predictor, {"text": text})
        assert [word["start"] for word in words] == sorted(word["start"] for word in words)
        assert "".join(word["text"] for word in words) == text.replace(" ", "")
        assert all(word["score"] > 0 for word in words)

    def test_what_is_cut_counts_nothing(self) -> None:
        text = " ".join(f"soup{index}" for index in range(200))
        words = word_importance(predictor_of("single_label_classification"), {"text": text})
        assert words[0]["score"] > 0 and words[-1]["score"] == 0

    def test_a_text_that_is_too_long(self) -> None:
        predictor = predictor_of("single_label_classification", long_text="windows")
        with pytest.raises(RecordError, match="word pieces in all; word importance is told of up"):
            word_importance(predictor, {"text": "soup " * 4000})

    def test_leaves_the_model_as_it_was(self) -> None:
        predictor = predictor_of("single_label_classification")
        record = {"text": "The soup was cold."}
        before = predictor.predict_json(record)
        word_importance(predictor, record)
        assert predictor.predict_json(record) == before
        assert all(parameter.grad is None for parameter in predictor._model.parameters())


def test_words_given_as_tokens_are_those_of_the_joined_text(archive_of) -> None:
    predictor: Any = Predictor.from_path(archive_of("token_classification"))
    tokens = ["Anna", "lives", "in", "Oslo"]
    words = word_importance(predictor, {"tokens": tokens})
    assert {word["key"] for word in words} == {"text"}
    assert [" ".join(tokens)[word["start"] : word["end"]] for word in words] == tokens
    assert [word["text"] for word in words] == tokens
    assert sum(word["score"] for word in words) == pytest.approx(1, abs=1e-3)
