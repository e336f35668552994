"""Where words stood that were taken out one after the other."""

import pytest

from bert_classification.interpret.hotflip import HotFlip
from bert_classification.interpret.reduction import InputReduction
from bert_classification.interpret.remains import Remains
from bert_classification.interpret.words import Segment, Span
from tests.interpret.support import predictor_of
from tests.interpret.test_hotflip import changed_record
from tests.support import EXPLAINED, short_record


def span(text: str, word: str, at: int = 0) -> Span:
    start = text.index(word, at)
    return Span(Segment("text", None, text), start, start + len(word), None, [])


def test_words_are_found_where_they_were() -> None:
    remains = Remains()
    remains.remove([span("the  soup, the 😀 tea", "soup"), span("the  soup, the 😀 tea", "😀")])
    remains.remove([span("the , the tea", "the", 1)])
    remains.remove([span("the , tea", "tea")])
    places = [(each["start"], each["end"]) for each in remains.removed]
    assert places == [(5, 9), (15, 16), (11, 14), (17, 20)]


def test_a_word_that_has_come_of_two_spans_both() -> None:
    remains = Remains()
    remains.remove([span("soup,was", ",")])
    remains.remove([span("soupwas", "soupwas")])
    assert [(each["start"], each["end"]) for each in remains.removed] == [(4, 5), (0, 8)]


@pytest.mark.parametrize("task", EXPLAINED)
def test_what_is_not_removed_is_what_is_left(task) -> None:
    predictor, record = predictor_of(task), short_record(task)
    result = InputReduction(predictor).attack(record)
    reduced = changed_record(record, result)
    for each in result["texts"]:
        key, choice = each["key"], each.get("choice")
        text = record[key] if choice is None else record[key][choice]
        left = list(text)
        for one in result["removed_spans"]:
            if (one["key"], one.get("choice")) == (key, choice):
                assert text[one["start"] : one["end"]] == one["text"]
                left[one["start"] : one["end"]] = " " * len(one["text"])
        now = reduced[key] if choice is None else reduced[key][choice]
        assert "".join(left).split() == now.split()
    assert [each["text"] for each in result["removed_spans"]] == result["removed"]


@pytest.mark.parametrize("attack", [HotFlip, InputReduction])
def test_the_last_step_is_the_result(attack) -> None:
    predictor, record = predictor_of("classification"), short_record("classification")
    first, *_, last = attack(predictor).steps(record)
    assert last == attack(predictor).attack(record)
    assert first["texts"] == [] and first["final"] == first["prediction"]
