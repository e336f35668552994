"""What explains an answer, in a real browser, of models whose answers depend on the words."""

import json
from typing import Any, Iterator

import httpx
import pytest
from axe_core_python.selenium import Axe
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from tests.browser.page import SIZES, Page
from tests.interpret.support import planted_texts, predictor_of, train_planted
from tests.serving.test_attention import weights_of
from tests.serving.test_nearest import with_kept_examples
from tests.support import short_record

TEXT = "😀 the was and new it. She was from the old."


@pytest.fixture
def open_page(browser, serve) -> Iterator[Any]:
    """Serves a predictor, and gives its page with a record in it."""

    def start(predictor: Any, record: dict[str, Any]) -> Page:
        page = Page(browser, serve(predictor) + "/")
        page.fill(record)
        page.submit(page("#fields textarea")[0])
        return page

    yield start
    noted = [entry["message"] for entry in browser.get_log("browser")]
    assert not [message for message in noted if "status of 422" not in message]


@pytest.fixture(scope="module")
def planted(tmp_path_factory) -> Any:
    path = tmp_path_factory.mktemp("planted") / "train.jsonl"
    return train_planted(planted_texts(64, 0), path).predictor


def ask(page: Page, path: str, record: dict[str, Any]) -> Any:
    """Gives the last line of what the server answers."""
    answer = httpx.post(page.url + path, json=record, timeout=60).text
    return json.loads(answer.strip("\n").split("\n")[-1])


def test_the_words_that_change_the_answer(open_page, planted) -> None:
    page = open_page(planted, {"text": TEXT})
    page.switch_on("flips")
    result = ask(page, "attack/hotflip", {"text": TEXT})
    assert result["changed"]
    assert sorted(page.texts("#flips-view del")) == sorted(flip["text"] for flip in result["flips"])
    assert page.text_without("#flips-view .passage", "del").split() == (
        result["texts"][0]["text"].split()
    )
    assert page.text_without("#flips-view .passage", "ins").split() == TEXT.split()
    said = page.texts("#flips-view p:not(.passage)")[0]
    before, now = result["prediction"]["label"], result["final"]["label"]
    assert said.startswith(f"Before: {before}, ") and f"Now: {now}, " in said


def test_several_flips_stand_where_they_belong(open_page) -> None:
    record = short_record("next_sentence_prediction")
    page = open_page(predictor_of("next_sentence_prediction"), record)
    page.switch_on("flips")
    result = ask(page, "attack/hotflip", record)
    assert len(result["flips"]) > 2 and not result["changed"]
    shown = page.browser.execute_script("""
        return [...document.querySelectorAll("#flips-view .passage")].map((passage) => {
          const texts = ["del", "ins"].map((other) => {
            const copy = passage.cloneNode(true);
            copy.querySelectorAll(other).forEach((each) => each.remove());
            return copy.textContent.split(/\\s+/).filter(Boolean).join(" ");
          });
          return texts;
        });
    """)
    assert shown == [[each["text"], record[each["key"]]] for each in result["texts"]]
    assert "No exchange of words was found" in page.texts("#flips-view")[0]


def test_the_words_that_can_be_left_out(open_page, planted) -> None:
    page = open_page(planted, {"text": TEXT})
    page.switch_on("reduction")
    result = ask(page, "attack/input-reduction", {"text": TEXT})
    left = page.text_without("#reduction-view .passage", "del")
    assert left.split() == result["texts"][0]["text"].split() and left.strip()
    assert page.texts("#reduction-view .passage") == [TEXT]
    assert f"What is left: “{result['kept'][0]}”" in page.texts("#reduction-view")[0]
    assert f"Still: {result['prediction']['label']}" in page.texts("#reduction-view")[0]


def test_an_answer_of_entities_is_said_by_their_names(open_page) -> None:
    record = short_record("token_classification")
    page = open_page(predictor_of("token_classification"), record)
    page.switch_on("flips")
    final = ask(page, "attack/hotflip", record)["final"]
    for entity in final["entities"]:
        assert f"{entity['text']} ({entity['type']})" in page.texts("#flips-view strong")[0]


class TestAttention:
    @pytest.fixture
    def page(self, open_page, planted) -> Page:
        page = open_page(planted, {"text": TEXT})
        page.switch_on("attention")
        return page

    def status(self, page: Page) -> str:
        return page.texts("#attention [role=status]")[0]

    def focused(self, page: Page) -> Any:
        return page.browser.switch_to.active_element

    def test_arrow_keys_change_layer_and_head(self, page) -> None:
        (cell,) = page("#attention canvas[tabindex='0']")
        cell.send_keys(Keys.ARROW_LEFT)
        assert self.focused(page).get_attribute("aria-label").startswith("Layer 1, head 1: looks")
        for key, place in [
            (Keys.ARROW_RIGHT, "Layer 1, head 2"),
            (Keys.ARROW_DOWN, "Layer 2, head 2"),
            (Keys.ARROW_DOWN, "Layer 2, head 2"),
            (Keys.HOME, "Layer 2, head 1"),
            (Keys.ARROW_UP, "Layer 1, head 1"),
        ]:
            self.focused(page).send_keys(key)
            assert self.focused(page).get_attribute("aria-label").startswith(place)
            assert self.status(page).startswith(place)
            assert len(page("#attention canvas[aria-selected=true]")) == 1

    def test_a_piece_shows_where_it_looks(self, page) -> None:
        told = ask(page, "attention", {"text": TEXT})
        (row,) = told["rows"]
        page("#attention canvas[tabindex='0']")[0].send_keys(Keys.TAB)
        assert self.focused(page).get_property("textContent") == "[CLS]"
        self.focused(page).send_keys(Keys.ARROW_DOWN)
        self.focused(page).send_keys(Keys.ARROW_DOWN)
        assert self.focused(page).get_property("textContent") == row["pieces"][2]
        weights = weights_of(told, row)[0, 0, 2]
        best = row["pieces"][weights.argmax()]
        assert self.status(page).startswith(f"“{row['pieces'][2]}” looks at “{best}” ")
        assert len(page("#attention path")) == (weights > 0).sum()
        assert page("#attention [role=option][aria-selected=true]") == [self.focused(page)]

    def test_a_pointer_shows_it_as_well(self, page) -> None:
        piece = page("#attention [role=option]")[3]
        ActionChains(page.browser).move_to_element(piece).perform()
        assert self.status(page).startswith(f"“{piece.text}” looks at ")
        ActionChains(page.browser).move_to_element(page("#attention-switch")[0]).perform()
        assert self.status(page).startswith("Layer 1, head 1")

    def test_the_pictures_have_the_weights_of_their_heads_in_both_schemes(self, page) -> None:
        (row,) = (told := ask(page, "attention", {"text": TEXT}))["rows"]
        wanted = (weights_of(told, row) ** 0.5 * 255).reshape(4, -1)
        light = self.pixels(page)
        for alphas, each in zip((pixels[3::4] for pixels in light), wanted):
            assert alphas == pytest.approx(each.tolist(), abs=0.51)
        page.look("dark")
        WebDriverWait(page.browser, 60, 0.02).until(lambda _: self.pixels(page) != light)
        dark = self.pixels(page)
        assert [each[3::4] for each in dark] == [each[3::4] for each in light]
        assert sum(map(sum, dark)) > sum(map(sum, light))

    def pixels(self, page: Page) -> list[list[int]]:
        """Reads the pictures of all heads, four numbers a pixel."""
        return page.browser.execute_script("""
            return [...document.querySelectorAll("#attention canvas")].map((canvas) => {
              const { width, height } = canvas;
              const copy = new OffscreenCanvas(width, height);
              const context = copy.getContext("2d", { willReadFrequently: true });
              context.drawImage(canvas, 0, 0);
              return [...context.getImageData(0, 0, width, height).data];
            });
        """)

    def test_it_is_accessible_while_a_piece_is_pointed_at(self, page) -> None:
        page("#attention [role=option][tabindex='0']")[0].send_keys(Keys.END)
        for look in ("light", "dark", "narrow"):
            page.look(look)
            found = Axe().run(page.browser)["violations"]
            assert [(each["id"], each["nodes"][0]["html"]) for each in found] == []


def test_each_choice_is_a_row(open_page) -> None:
    record = short_record("multiple_choice")
    page = open_page(predictor_of("multiple_choice"), record)
    page.switch_on("attention")
    rows = ask(page, "attention", record)["rows"]
    options = page.texts("#attention-row option")
    assert [option.endswith(choice) for option, choice in zip(options, record["choices"])] == (
        [True] * len(rows)
    )
    page("#attention-row")[0].send_keys(Keys.ARROW_DOWN)
    assert page.browser.switch_to.active_element.get_attribute("id") == "attention-row"
    assert page.texts("#attention [role=option]") == rows[1]["pieces"]


def test_they_follow_the_record_until_they_are_switched_off(open_page, planted) -> None:
    page = open_page(planted, {"text": TEXT})
    page.switch_on("importance", "attention")
    page.fill({"text": "the old it"})
    page.submit(page("#fields textarea")[0])
    # The pieces of the record before go while they are looked at.
    WebDriverWait(page.browser, 60, ignored_exceptions=[StaleElementReferenceException]).until(
        lambda _: page.texts("#attention [role=option]")[1:-1] == ["the", "old", "it"]
    )
    assert page.texts("#importance-view .passage") == ["the old it"]
    page("#attention-switch")[0].send_keys(Keys.SPACE)
    assert not page("#attention-view > *") and page("#importance-view > *")


def test_what_is_refused_is_said_as_every_error(open_page, planted) -> None:
    page = open_page(planted, {"text": "old " * 9000})
    assert page.texts("#error") == [""] and page("#view > *")
    page.switch_on("attention")
    assert "too many for the 2048 word pieces" in page.texts("#error")[0]
    assert not page("#attention-view > *")


class TestNearest:
    RECORD = {"text": "it was the old from her"}

    @pytest.fixture
    def page(self, open_page, planted) -> Page:
        page = open_page(with_kept_examples(planted), self.RECORD)
        page.switch_on("nearest")
        return page

    def test_a_list_with_texts_labels_and_similarities(self, page) -> None:
        told = ask(page, "nearest", self.RECORD)
        assert len(told) == 5
        assert page.texts("#nearest-view li .passage") == [each["record"]["text"] for each in told]
        assert page.texts("#nearest-view strong") == [each["record"]["label"] for each in told]
        for shown, each in zip(page.texts("#nearest-view li"), told):
            assert f"similarity {each['similarity']:.3f} · {each['location']}" in shown

    def test_it_is_accessible_in_every_look(self, page) -> None:
        for look in ("light", "dark", "narrow"):
            page.look(look)
            width = page.browser.execute_script("return document.documentElement.scrollWidth")
            assert width == SIZES[look]
            found = Axe().run(page.browser)["violations"]
            assert [(each["id"], each["nodes"][0]["html"]) for each in found] == []

    def test_it_follows_the_record_until_it_is_switched_off(self, page) -> None:
        page.fill({"text": "new"})
        page.submit(page("#fields textarea")[0])
        texts = [each["record"]["text"] for each in ask(page, "nearest", {"text": "new"})]
        WebDriverWait(page.browser, 60, ignored_exceptions=[StaleElementReferenceException]).until(
            lambda _: page.texts("#nearest-view li .passage") == texts
        )
        page("#nearest-switch")[0].send_keys(Keys.SPACE)
        assert not page("#nearest-view > *")

    def test_markup_of_the_training_stays_text(self, open_page, planted) -> None:
        markup = "<img src=x onerror=alert(1)>"
        page = open_page(with_kept_examples(planted, text=markup, label=markup), self.RECORD)
        page.switch_on("nearest")
        assert not page("#nearest-view img") and markup in page.texts("#nearest-view")[0]

    def test_no_switch_where_nothing_is_kept(self, open_page, planted) -> None:
        page = open_page(with_kept_examples(planted, count=0), self.RECORD)
        assert page("#attention-switch") and not page("#nearest-switch")
