"""Words exchanged until the answer changes."""

from typing import Any

import pytest
from allennlp.common.checks import ConfigurationError

from bert_classification.data.records import RecordError
from bert_classification.interpret.hotflip import HotFlip
from tests.interpret.support import predictor_of
from tests.support import EXPLAINED, short_record


def changed_record(record: dict[str, Any], result: dict[str, Any]) -> dict[str, Any]:
    """Puts the texts that an attack changed into a record."""
    changed = dict(record)
    for each in result["texts"]:
        if "choice" in each:
            texts = list(changed[each["key"]])
            texts[each["choice"]] = each["text"]
            changed[each["key"]] = texts
        else:
            changed[each["key"]] = each["text"]
    return changed


@pytest.mark.parametrize("task", EXPLAINED)
def test_what_is_found_is_what_the_changed_record_gives(task) -> None:
    predictor, record = predictor_of(task), short_record(task)
    result = HotFlip(predictor).attack(record)
    fresh = predictor.predict_json(changed_record(record, result))
    assert predictor.answer(fresh) == predictor.answer(result["final"])
    differs = predictor.answer(fresh) != predictor.answer(predictor.predict_json(record))
    assert result["changed"] == differs
    assert 1 <= len(result["flips"]) <= 5
    for flip in result["flips"]:
        assert flip["replacement"].isalnum() and flip["text"] not in (".", "[MASK]")


def test_one_word_decides(planted) -> None:
    for text, label in planted.texts[:10]:
        result = HotFlip(planted.predictor).attack({"text": text})
        assert result["prediction"]["label"] == label != result["final"]["label"]
        (flip,) = result["flips"]
        assert {flip["text"], flip["replacement"]} & set(planted.deciding)
        assert flip["confidence"] < 0.5


@pytest.mark.parametrize("target", ["good", "bad"])
def test_a_target_is_reached(planted, target) -> None:
    results = [
        HotFlip(planted.predictor).attack({"text": text}, target) for text, _ in planted.texts[:6]
    ]
    assert all(result["changed"] and result["final"]["label"] == target for result in results)
    assert sum(bool(result["flips"]) for result in results) == 3


def test_the_answer_itself_as_the_target_needs_no_flip() -> None:
    predictor = predictor_of("classification")
    record = {"text": "The soup was cold."}
    result = HotFlip(predictor).attack(record, predictor.predict_json(record)["label"])
    assert result["changed"] and result["flips"] == [] and result["texts"] == []


def test_many_labels() -> None:
    predictor = predictor_of("classification_of_many_labels")
    record = {"text": "The soup was cold and we never came back."}
    result = HotFlip(predictor).attack(record)
    assert result["changed"] == (result["final"]["labels"] != result["prediction"]["labels"])
    aim = HotFlip(predictor).attack(record, list(reversed(result["prediction"]["labels"])))
    assert aim["changed"] and not aim["flips"]


def test_words_and_texts_that_are_left_alone() -> None:
    predictor = predictor_of("next_sentence_prediction")
    record = {"text": "the soup was cold", "text_pair": "we went home"}
    attack = HotFlip(predictor, ignore_tokens=["Soup", "cold", "was"], keys=["text"]).attack
    flips = attack(record)["flips"]
    assert {(flip["key"], flip["text"]) for flip in flips} <= {("text", "the")}


def test_entities_are_not_exchanged() -> None:
    predictor = predictor_of("token_classification")
    record = {"tokens": ["Anna", "lives", "in", "Oslo", "with", "a", "cat"]}
    result = HotFlip(predictor).attack(record)
    entities = {word for each in result["prediction"]["entities"] for word in each["text"].split()}
    assert not entities & {flip["text"] for flip in result["flips"][:1]}


def test_what_cannot_be_attacked_says_so() -> None:
    predictor = predictor_of("classification")
    with pytest.raises(ConfigurationError, match="`keys` has 'title'; the texts of this task are"):
        HotFlip(predictor, keys=["title"])
    with pytest.raises(ConfigurationError, match="`max_flips` is 0"):
        HotFlip(predictor, max_flips=0)
    with pytest.raises(RecordError, match="the label 'superb' is unknown; the model knows"):
        HotFlip(predictor).attack({"text": "the"}, "superb")
    with pytest.raises(ConfigurationError, match="a text has many tags"):
        HotFlip(predictor_of("token_classification")).attack({"text": "the"}, "PER")
