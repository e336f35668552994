"""Words taken out as long as the answer stays."""

import pytest

from bert_classification.interpret.edits import RecordEditor
from bert_classification.interpret.reduction import InputReduction
from tests.interpret.support import predictor_of
from tests.interpret.test_hotflip import changed_record
from tests.support import EXPLAINED, short_record


@pytest.mark.parametrize("task", EXPLAINED)
def test_the_answer_stays_until_no_word_can_go(task) -> None:
    predictor, record = predictor_of(task), short_record(task)
    result = InputReduction(predictor).attack(record)
    reduced = changed_record(record, result)
    answer = predictor.answer(predictor.predict_json(record))
    assert predictor.answer(predictor.predict_json(reduced)) == answer
    assert result["changed"] == bool(result["removed"]) == bool(result["texts"])
    editor = RecordEditor(predictor)
    edited = editor.open(reduced)
    assert [word.text for word in edited.words] == result["kept"]
    for each in editor.try_all(edited, [[(word, "")] for word in edited.words]):
        assert each is None or predictor.answer(each.output) != answer


def test_words_that_stay() -> None:
    predictor = predictor_of("classification")
    record = {"text": "The soup was cold, and so was the tea."}
    ignored = ["was", "THE"]
    result = InputReduction(predictor, ignore_tokens=ignored).attack(record)
    assert result["removed"] and not {"was", "the", "The"} & set(result["removed"])


def test_a_text_keeps_a_word() -> None:
    predictor = predictor_of("next_sentence_prediction")
    result = InputReduction(predictor).attack({"text": "the soup", "text_pair": "the"})
    assert all(each["text"].strip() for each in result["texts"])
    assert "text_pair" not in {each["key"] for each in result["texts"]}


def test_blanks_go_with_their_words() -> None:
    predictor = predictor_of("classification")
    editor = RecordEditor(predictor)
    edited = editor.open({"text": "the soup, was  cold"})
    words = {word.text: word for word in edited.words}
    changes = [["the"], ["cold"], ["soup", "cold"], ["the", "soup", ",", "was", "cold"]]
    tried = editor.try_all(edited, [[(words[text], "") for text in texts] for texts in changes])
    texts = [each and each.texts["text", None] for each in tried]
    assert texts == ["soup, was  cold", "the soup, was", "the , was", None]
