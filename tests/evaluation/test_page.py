"""The page that reports and comparisons are written as."""

from bert_classification.evaluation.page import (
    MAX_CHARACTERS,
    Cell,
    Paragraph,
    Section,
    Table,
    Text,
    Texts,
    marked,
    shaded,
    show,
    write_page,
)
from bert_classification.evaluation.pictures import curves

MARKUP = "<img src=x onerror=alert(1)> & co"


def test_what_stands_in_data_is_text(tmp_path) -> None:
    picture = curves(
        "curve", MARKUP, [(MARKUP, [0, 1], [0, 1]), ("b", [0, 1], [1, 0])], MARKUP, "y"
    )
    texts = Texts(MARKUP, [Text(MARKUP, [(MARKUP, MARKUP)], MARKUP)], "led", MARKUP)
    table = Table(MARKUP, [MARKUP], [[MARKUP, Cell(MARKUP, "#led", 0.5, MARKUP)]], MARKUP)
    sections = [Section(MARKUP, [Paragraph(MARKUP), picture, table, texts])]
    write_page(tmp_path / "page.html", MARKUP, MARKUP, sections)
    page = (tmp_path / "page.html").read_text()
    assert "<img" not in page and page.count("&lt;img src=x") > 12
    assert 'href="#led"' in page and 'id="led"' in page


def test_pictures_take_the_colours_of_the_page() -> None:
    picture = curves("curve", "A curve", [("a", [0, 1], [0, 1])], "x", "y")
    assert picture.svg == curves("curve", "A curve", [("a", [0, 1], [0, 1])], "x", "y").svg
    assert "#0f6b62" in picture.svg and "var(" not in picture.svg
    assert "#0f6b62" not in picture.inline and "var(--accent)" in picture.inline


def test_marks_and_shades_leave_the_text_as_it_is() -> None:
    text = "Ann <b>left</b> Bonn."
    spans = [(0, 3, "good", "PER"), (2, 7, "bad", "LOC"), (16, 20, "gold", "LOC")]
    found = marked(text, spans)
    assert found.striptags() == "Ann PER <b>left</b> Bonn LOC."
    assert found.count("<mark") == 2
    words = [{"start": 0, "end": 3, "score": 2.0}, {"start": 16, "end": 20, "score": -1.0}]
    assert shaded(text, words).striptags() == text and shaded(text, []).striptags() == text


def test_long_texts_are_cut(tmp_path) -> None:
    long = "word " * MAX_CHARACTERS
    write_page(tmp_path / "a.html", "", "", [Section("", [Texts("", [Text("", [("", long)])])])])
    assert len((tmp_path / "a.html").read_text()) < 20_000 + 2 * MAX_CHARACTERS


def test_values_for_people() -> None:
    shown = [show(each) for each in (0.12345, 12345.678, 12345, None, "a", float("nan"), True)]
    assert shown == ["0.123", "1.235e+04", "12,345", "", "a", "", "True"]
