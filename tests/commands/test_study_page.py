"""The page that `explain`, `attack` and `influence` write beside their lines."""

import re
from pathlib import Path
from typing import Any

import pytest

from bert_classification.commands.study_page import MAX_CARDS, StudyPage
from tests.support import FIXTURES, allennlp, read_json_lines, write_lines

ARCHIVES = FIXTURES / "archives"
RECORDS = [
    {"text": "Lovely <b>food</b> & so quick!", "id": "</script><script>alert(1)</script>"},
    {"text": "Our room was clean, but the heating did not work."},
]


def study(command: str, tmp_path: Path, *more: object, task: str = "classification") -> str:
    source, page = tmp_path / "in.jsonl", tmp_path / "page.html"
    write_lines(source, RECORDS if task == "classification" else [])
    if task != "classification":
        source = FIXTURES / task / "predict.jsonl"
    archive = ARCHIVES / f"{task}.tar.gz"
    data = [source] if command != "influence" else [FIXTURES / task / "train.jsonl", source]
    allennlp(command, archive, *data, "-o", tmp_path / "out.jsonl", "--html", page, *more)
    return page.read_text(encoding="utf-8")


def without_tags(html: str) -> str:
    text = re.sub("<[^>]+>", "", html)
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def test_words_are_shaded_in_their_texts(tmp_path) -> None:
    page = study("explain", tmp_path, "--steps", 4)
    (first, second) = re.findall("<p>(.*?)</p>", page)
    assert without_tags(first) == RECORDS[0]["text"]
    assert without_tags(second) == RECORDS[1]["text"]
    words = read_json_lines(tmp_path / "out.jsonl")[1]["words"]
    assert second.count("class=") == len(words) and "--share: 1.000" in second
    assert "<b>" not in page and "<script" not in page


@pytest.mark.parametrize("method", ["hotflip", "input-reduction"])
def test_changes_stand_beside_what_was_there(tmp_path, method) -> None:
    page = study("attack", tmp_path, "--method", method)
    for record, output, shown in zip(
        RECORDS, read_json_lines(tmp_path / "out.jsonl"), re.findall("<p>(.*?)</p>", page)
    ):
        before = without_tags(re.sub(" <ins>.*?</ins>", "", shown))
        assert before == record["text"] and "<del>" in shown
        after = without_tags(re.sub("<del>.*?</del>", "", shown))
        assert "".join(after.split()) == "".join(output["texts"][0]["text"].split())


def test_training_records_are_listed(tmp_path) -> None:
    page = study("influence", tmp_path, "--k", 3)
    assert page.count("<li>") == 2 * 3 * len(RECORDS)
    assert "train.jsonl, line " in page


@pytest.mark.parametrize(
    "task", ["multiple_choice", "question_answering", "token_classification", "masked_lm"]
)
def test_other_tasks(tmp_path, task) -> None:
    page = study("explain", tmp_path, "--method", "simple-gradient", task=task)
    outputs = read_json_lines(tmp_path / "out.jsonl")
    assert page.count("<article>") == len(outputs)
    assert page.count("No answer") == sum("error" in output for output in outputs)


def test_a_bad_record_and_many_records(tmp_path) -> None:
    page: Any = StudyPage(str(tmp_path / "page.html"), "A <title>")
    for _ in range(MAX_CARDS + 7):
        page.add(None, {"error": "the line: not valid JSON (<)."})
    page.write()
    html = (tmp_path / "page.html").read_text()
    assert html.count("<article>") == MAX_CARDS and "7 more records" in html
    assert "not valid JSON (&lt;)." in html and "<title>A &lt;title&gt;</title>" in html
