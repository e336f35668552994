"""The share of words in an answer."""

from typing import Any

import pytest
import torch
from allennlp.common.checks import ConfigurationError
from allennlp.predictors import Predictor

from bert_classification.data.records import RecordError
from bert_classification.interpret.gradients import (
    build,
    label_as_predicted,
    piece_embeddings,
    piece_gradients,
)
from bert_classification.interpret.saliency import METHODS, explain
from tests.interpret.support import predictor_of
from tests.support import EXPLAINED, FIXTURES, short_record

CHOICES = {"prompt": "What do you find in a nest?", "choices": ["eggs and some feathers", "tea"]}


@pytest.mark.parametrize("task", EXPLAINED)
@pytest.mark.parametrize("method", METHODS)
def test_every_word_has_its_place(task, method) -> None:
    predictor, record = predictor_of(task), short_record(task)
    found = explain(predictor, record, method, steps=5)
    for span in [*found["words"], *found["pieces"]]:
        text = record[span["key"]]
        text = text[span["choice"]] if "choice" in span else text
        assert text[span["start"] : span["end"]] == span["text"]
    total = sum(word["score"] for word in found["words"])
    assert sum(piece["score"] for piece in found["pieces"]) == pytest.approx(total, abs=1e-5)
    assert total == pytest.approx(1 if method != METHODS[0] else found["total"], abs=1e-5)
    assert predictor.answer(found["prediction"]) == predictor.answer(predictor.predict_json(record))


@pytest.mark.parametrize("task", EXPLAINED)
def test_integrated_gradients_are_complete(task) -> None:
    found = explain(predictor_of(task), short_record(task), steps=50)
    assert abs(found["difference"]) > 1e-4
    assert found["total"] == pytest.approx(found["difference"], rel=0.05)


@pytest.mark.parametrize("method", METHODS)
def test_the_word_that_decides_is_found(planted, method) -> None:
    found = 0
    for text, _ in planted.texts[:10]:
        words = explain(planted.predictor, {"text": text}, method, steps=10)["words"]
        found += max(words, key=lambda word: word["score"])["text"] in planted.deciding
    assert found >= (10 if method == METHODS[0] else 7)


def test_rows_of_unequal_length_keep_their_order() -> None:
    predictor = predictor_of("multiple_choice")
    _, instance = build(predictor, CHOICES)
    labelled = label_as_predicted(predictor, instance)
    ids = torch.from_numpy(labelled["tokens"].ids).long()
    seen: list[torch.Tensor] = []
    layer = predictor.get_interpretable_layer()
    handle = layer.register_forward_hook(lambda _, inputs, output: seen.append(inputs[0]))
    piece_gradients(predictor, labelled, torch.ones(1, len(piece_embeddings(predictor, labelled))))
    handle.remove()
    assert seen[-1][0].tolist() == ids.tolist()


def test_the_model_stays_as_it_was() -> None:
    predictor = predictor_of("classification")
    record = short_record("classification")
    before = predictor.predict_json(record)
    required = [each.requires_grad for each in predictor._model.parameters()]
    for method in METHODS:
        explain(predictor, record, method, steps=3)
    assert predictor.predict_json(record) == before
    assert [each.requires_grad for each in predictor._model.parameters()] == required
    assert all(each.grad is None for each in predictor._model.parameters())
    assert predictor._model.objective._matthews.gold == []


@pytest.mark.parametrize("method", METHODS[:2])
def test_attentions_asked_for_do_not_matter(method) -> None:
    archive, record = FIXTURES / "archives" / "multiple_choice.tar.gz", CHOICES
    wanted = '{"model.output_attentions": true}'
    with_them: Any = Predictor.from_path(archive, overrides=wanted)
    without: Any = Predictor.from_path(archive)
    found = explain(with_them, record, method, steps=3)["words"]
    plain = explain(without, record, method, steps=3)["words"]
    assert [word["score"] for word in found] == pytest.approx([word["score"] for word in plain])


def test_what_cannot_be_explained_says_so() -> None:
    predictor = predictor_of("classification")
    with pytest.raises(RecordError, match="`text`"):
        explain(predictor, {"text": 3})
    with pytest.raises(ConfigurationError, match="`method` is 'lime'; expected one of integrated"):
        explain(predictor, {"text": "a"}, "lime")
    lm = Predictor.from_path(FIXTURES / "archives" / "causal_lm.tar.gz")
    with pytest.raises(ConfigurationError, match="no label can be led back to words"):
        explain(lm, {"text": "a"})  # type: ignore[arg-type]
