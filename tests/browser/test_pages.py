"""The page of each task in a real browser, used with the keyboard, and looked at."""

import importlib
import json
import re
from typing import Any

import httpx
import pytest
from axe_core_python.selenium import Axe
from selenium.webdriver.common.keys import Keys

from tests.browser.conftest import EXPLANATIONS, TOKEN
from tests.browser.page import SIZES, Page
from tests.support import EXPLAINED, short_record

MARKUP = "<img src=x onerror=alert(1)>"


def with_markup(value: Any) -> Any:
    if isinstance(value, list):
        return [with_markup(each) for each in value]
    return f"{MARKUP} {value}" if isinstance(value, str) else value


def shows(page: Page, task: str, answer: dict[str, Any]) -> bool:
    """Tells whether the page shows an answer as its task is shown."""
    return module_of(task).shows(page, answer)


def module_of(task: str) -> Any:
    return importlib.import_module(f"tests.{task}.page")


def typed_record(task: str) -> dict[str, Any]:
    """Gives what is typed, in other words than the example's."""
    return getattr(module_of(task), "RECORD", None) or short_record(task)


def request_of(task: str, page: Page, typed: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Gives the path that the page asks, and the record that it sends."""
    if hasattr(module_of(task), "request_of"):
        return module_of(task).request_of(typed)
    return "predict", {**page.example(), **typed}


class TestEveryTask:
    def test_shows_its_example_and_is_accessible_in_every_look(self, task, page, pictures) -> None:
        assert shows(page, task, page.answer())
        explanations = [each.get_attribute("id") for each in page(".explanation")]
        assert explanations == (EXPLANATIONS if task in EXPLAINED else [])
        page.switch_on(*explanations)
        if task in EXPLAINED:
            assert "What counts most" in page.texts("#importance-view")[0]
        for look in SIZES:
            page.picture(
                look, pictures / (f"{task}.png" if look == "light" else f"{task}-{look}.png")
            )
            width = page.browser.execute_script("return document.documentElement.scrollWidth")
            assert width == SIZES[look]
            found = Axe().run(page.browser)["violations"]
            assert [(each["id"], each["nodes"][0]["html"]) for each in found] == []

    def test_type_submit_and_read(self, task, page) -> None:
        typed = typed_record(task)
        path, record = request_of(task, page, typed)
        page.fill(typed)
        page.submit(page("#fields textarea")[0])
        answer = page.answer()
        expected = httpx.post(page.url + path, json=record).json()
        assert set(answer) == set(expected)
        assert answer.get("label") == expected.get("label")
        assert answer.get("text") == expected.get("text")
        assert shows(page, task, answer)
        curl = page.texts("#curl")[0]
        assert json.loads(re.search(r"-d '(.*)'$", curl, re.DOTALL)[1]) == record

    def test_a_bad_input_gets_a_sentence_and_stays(self, task, page) -> None:
        page.fill(typed_record(task))
        first, *others = page("#fields textarea, .list input")
        rest = [each.get_property("value") for each in others]
        page.type(first, " ")
        page.submit(first)
        (error,) = page("#error[role=alert]")
        own = first.get_attribute("id").removeprefix("field-")
        key = getattr(module_of(task), "FIRST_KEY", own)
        assert error.text == f"{key}: the text is empty."
        assert [each.get_property("value") for each in others] == rest
        page.fill(typed_record(task))
        page.submit(first)
        assert error.text == "" and shows(page, task, page.answer())

    def test_markup_stays_text(self, task, page) -> None:
        record = {key: with_markup(value) for key, value in typed_record(task).items()}
        page.fill(record)
        page.submit(page("#fields textarea")[0])
        assert page("#view > *") and not page("img, [onerror]")
        if module_of(task).QUOTES_THE_INPUT:
            assert MARKUP in page.text_without("#view", "small")
        if task in EXPLAINED:
            page.switch_on(*EXPLANATIONS)
            assert not page("img, [onerror]") and MARKUP in page.texts(".shaded")[0]


@pytest.mark.parametrize("task", ["token_classification"], indirect=True)
def test_entities_after_an_emoji_are_marked_where_they_stand(page) -> None:
    page.fill({"text": "Anna 😀 lives in Oslo"})
    page.submit(page("#fields textarea")[0])
    assert shows(page, "token_classification", page.answer())


@pytest.mark.parametrize("task", ["question_answering"], indirect=True)
def test_another_answer_is_shown_in_its_place(page) -> None:
    answers = [each["answer"] for each in page.answer()["n_best"]]
    # To have none may be the second best.
    other = next(index for index, answer in enumerate(answers) if index and answer)
    page(".bars button")[other].send_keys(Keys.ENTER)
    assert page.texts("mark.answer") == [answers[other]]
    context = page("#field-context")[0].get_property("value")
    assert page.texts("#view .passage")[0] == context


@pytest.mark.parametrize("task", ["causal_lm"], indirect=True)
def test_options_of_chance(page) -> None:
    chance, temperature, seed = (
        page(f"#field-{key}")[0] for key in ("do_sample", "temperature", "seed")
    )
    chance.send_keys(Keys.SPACE)
    assert not temperature.is_enabled() and not seed.is_enabled()
    chance.send_keys(Keys.SPACE)
    page.type(temperature, "high")
    page.submit(temperature)
    assert page.texts("#error")[0].startswith("temperature: expected a number from 0.01 to 100")
    page.type(temperature, "1.5")
    page.type(seed, "3")
    page.submit(seed)
    record = {**page.example(), "temperature": 1.5, "seed": 3}
    expected = httpx.post(f"{page.url}predict", json=record).json()
    assert page.texts("mark.written") == [expected["continuation"]]


@pytest.mark.parametrize("task", ["causal_lm"], indirect=True)
def test_stop_leaves_what_is_written(page) -> None:
    page.type(page("#field-max_new_tokens")[0], "100")
    # Where something is written, and not all of it yet.
    page.browser.execute_script("""
        const view = document.getElementById("view");
        new MutationObserver(() => {
          const written = view.querySelector("mark.written")?.textContent;
          if (written) document.getElementById("stop").click();
        }).observe(view, { childList: true, subtree: true });
    """)
    page.submit(page("#fields textarea")[0])
    assert page.texts("#error") == [""] and not page("#stop")[0].is_displayed()
    (written,) = page.texts("mark.written")
    record = {**page.example(), "max_new_tokens": 100}
    whole = httpx.post(f"{page.url}predict", json=record).json()["continuation"]
    assert written and whole.startswith(written) and len(written) < len(whole)


@pytest.mark.parametrize("task", ["classification"], indirect=True)
def test_a_server_with_a_token_is_asked_with_it(browser, guarded_url) -> None:
    page = Page(browser, guarded_url)
    (field,) = page("#token input")
    for given in ("", "sesame"):
        assert page.texts("#error") == ["The server asks for an access token."]
        assert field.is_displayed() and not page("#view > *")
        page.type(field, given + "x")
        page.submit(field)
    page.type(field, TOKEN)
    page.submit(field)
    assert page.texts("#error") == [""] and page("#view > *")
    headers = {"authorization": f"Bearer {TOKEN}"}
    record = json.loads(re.search(r"-d '(.*)'$", page.texts("#curl")[0], re.DOTALL)[1])
    expected = httpx.post(f"{guarded_url}predict", json=record, headers=headers).json()
    assert page.answer()["label"] == expected["label"]
    assert TOKEN not in browser.page_source
    noted = [entry["message"] for entry in browser.get_log("browser")]
    assert all("status of 401" in message for message in noted)


@pytest.mark.parametrize("task", ["embedding"], indirect=True)
def test_arrow_keys_say_how_near_two_texts_are(page) -> None:
    texts = request_of("embedding", page, page_form(page))[1]["texts"]
    cosines = page.answer()["similarities"]
    page(".near[tabindex='0']")[0].send_keys(Keys.ARROW_RIGHT)
    page.browser.switch_to.active_element.send_keys(Keys.ARROW_DOWN)
    page.browser.switch_to.active_element.send_keys(Keys.END)
    last = len(texts) - 1
    said = f"“{texts[1]}” and “{texts[last]}”: {cosines[1][last]:.2f}".replace("-", "−")
    assert page.texts(".heat + [role=status]") == [said]
    assert len(page(".near[aria-selected=true]")) == 1


def page_form(page: Page) -> dict[str, Any]:
    query, *documents = (
        each.get_property("value") for each in page("#fields textarea, .list input")
    )
    return {"query": query, "documents": documents}
