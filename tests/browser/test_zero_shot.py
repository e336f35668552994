"""The page of zero-shot classification, whose labels are typed."""

from typing import Any

import httpx
import pytest
from allennlp.predictors import Predictor
from axe_core_python.selenium import Axe
from selenium.webdriver.common.keys import Keys

from bert_classification.bert.labels import label_settings
from tests.bert.published import publish
from tests.browser.page import Page

NLI = ["entailment", "neutral", "contradiction"]


@pytest.fixture
def page(browser, serve, tmp_path) -> Any:
    publish(tmp_path / "nli", "BertForSequenceClassification", **label_settings(NLI))
    return Page(browser, serve(Predictor.from_path(tmp_path / "nli", "bert_for_zero_shot")) + "/")


def test_labels_are_typed_and_ranked(page) -> None:
    assert page.texts(".bars .name") == page.answer()["labels"]
    page.fill({"text": "She won in three sets.", "labels": ["chess", "tennis & <b>golf</b>"]})
    page("#field-multi_label")[0].send_keys(Keys.SPACE)
    page.submit(page("#fields textarea")[0])
    typed = {
        "text": "She won in three sets.",
        "labels": ["chess", "tennis & <b>golf</b>"],
        "multi_label": True,
    }
    expected = httpx.post(f"{page.url}predict", json=typed).json()
    assert page.answer() == expected and page.texts(".bars .name") == expected["labels"]
    assert page.texts("#headline")[0].startswith(expected["labels"][0])
    assert Axe().run(page.browser)["violations"] == []
    page.fill({"labels": []})
    page.submit(page("#fields textarea")[0])
    assert "`labels`" not in page.texts("#error")[0] and "labels" in page.texts("#error")[0]
