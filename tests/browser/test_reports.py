"""The pages of `report` and `compare`, opened as files."""

import json
from pathlib import Path
from typing import Any

import pytest
from axe_core_python.selenium import Axe

from tests.evaluation.support import ARCHIVES, dev_of
from tests.support import TASKS, allennlp


def open_page(browser: Any, path: Path, scheme: str) -> list[str]:
    """Opens a page, and gives the addresses that it asks for beside its own."""
    feature = {"name": "prefers-color-scheme", "value": scheme}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
    browser.get(path.as_uri())
    names = "return performance.getEntriesByType('resource').map((each) => each.name)"
    return [name for name in browser.execute_script(names) if not name.startswith("data:")]


def check_page(browser: Any, path: Path) -> None:
    for scheme in ("light", "dark"):
        assert open_page(browser, path, scheme) == []
        found = Axe().run(browser)["violations"]
        assert [(each["id"], each["nodes"][0]["html"]) for each in found] == []
        width = browser.execute_script("return [document.documentElement.scrollWidth, innerWidth]")
        assert width[0] <= width[1]
    assert browser.get_log("browser") == []


@pytest.mark.parametrize("name", TASKS)
def test_the_report_of_each_task(browser, name, tmp_path) -> None:
    allennlp("report", ARCHIVES / f"{name}.tar.gz", dev_of(name), "-d", tmp_path)
    check_page(browser, tmp_path / "report.html")


def test_a_cell_shows_its_texts(browser, tmp_path) -> None:
    archive = ARCHIVES / "classification.tar.gz"
    allennlp("report", archive, dev_of("classification"), "-d", tmp_path)
    check_page(browser, tmp_path / "report.html")
    led = browser.find_elements("css selector", ".led")
    assert led and not any(each.is_displayed() for each in led)
    browser.find_element("css selector", 'td a[href="#cell-1-0"]').click()
    shown = [each.get_attribute("id") for each in led if each.is_displayed()]
    assert shown == ["cell-1-0"]


def test_a_comparison(browser, archive_of, tmp_path) -> None:
    one, other = ARCHIVES / "classification.tar.gz", archive_of("classification")
    allennlp("compare", one, other, dev_of("classification"), "-d", tmp_path, "--explain", 2)
    assert json.loads((tmp_path / "comparison.json").read_text())["records"] == 60
    check_page(browser, tmp_path / "comparison.html")
