"""The arithmetic of the benchmarks and the texts they make; nothing here is timed."""

import importlib
from pathlib import Path

import numpy
import pytest

from benchmarks import texts
from benchmarks.comparison import Contest, Row, compare, per_second, table_rows
from bert_classification.data.basic_tokenizer import BertBasicTokenizer
from tests.support import FIXTURES, ROOT


@pytest.mark.parametrize("path", sorted((ROOT / "benchmarks").glob("*.py")), ids=lambda p: p.stem)
def test_every_file_imports(path: Path) -> None:
    if path.stem == "litserver":
        pytest.importorskip("litserve", reason="litserve is of the extra `benchmark`")
    importlib.import_module(f"benchmarks.{path.stem}")


def contest(**options) -> Contest:
    sides = {"ours": lambda: lambda: None, "peer": lambda: lambda: None}
    rows = [Row("ours", "peer", 1.5), Row("ours", "peer", 2.5), Row("ours", "peer")]
    return Contest("work", sides, rows, lambda: None, per_second(100, "texts"), **options)


def test_table_has_medians_of_sides_and_of_ratios_within_a_round() -> None:
    costs = {"ours": [1.0, 2.0, 4.0], "peer": [2.0, 6.0, 4.0]}
    rows = [[cell.strip() for cell in row.split("|")[1:-1]] for row in table_rows(contest(), costs)]
    assert rows[0] == [
        "work",
        "ours: 50 texts/s",
        "peer: 25 texts/s",
        "2.00 (1.00 to 3.00)",
        "1.50",
        "met",
    ]
    assert [row[-2:] for row in rows[1:]] == [["2.50", "**missed**"], ["", "for information"]]


def test_sides_take_turns_after_the_check() -> None:
    done: list[str] = []

    def side(name: str):
        done.append(f"prepare {name}")
        return lambda: done.append(name)

    def cost(work) -> float:
        work()
        return float(len(done))

    sides = {name: (lambda name=name: side(name)) for name in ("ours", "peer")}
    checked = contest(measure=cost)._replace(sides=sides, check=lambda: done.append("check"))
    costs = compare(checked, 2, tell=lambda line: None)
    assert done[0] == "check"
    assert [name for name in done[1:] if " " not in name] == ["ours", "peer", "peer", "ours"]
    assert costs == {"ours": [3.0, 9.0], "peer": [5.0, 7.0]}


def test_a_failed_check_ends_the_contest() -> None:
    def fails() -> None:
        raise ValueError("not the same")

    with pytest.raises(ValueError, match="not the same"):
        compare(contest()._replace(check=fails), 1, tell=lambda line: None)


def lengths(made: list[str]) -> numpy.ndarray:
    tokenizer = BertBasicTokenizer()
    return numpy.array([len(tokenizer.tokenize(text)) for text in made])


def test_comments_are_spread_like_real_ones_and_the_same_in_each_run() -> None:
    made = texts.comments(2000)
    assert made == texts.comments(2000)
    # Words and marks; word pieces are somewhat more, and two special ones come to them.
    assert 14 < lengths(made).mean() < 17
    assert 2 <= numpy.percentile(lengths(made), 5) < 6
    assert 25 < numpy.percentile(lengths(made), 95) < 32


def test_comments_of_a_file_are_its_first_column_again_and_again(tmp_path) -> None:
    path = tmp_path / "comments.tsv"
    path.write_text("one\t3\ntwo\t4\n")
    assert texts.comments(3, str(path)) == ["one", "two", "one"]


def test_questions_are_answered_in_their_contexts() -> None:
    asked = texts.questions(200)
    assert len({each.context for each in asked}) == 40
    assert 110 < lengths([each.context for each in asked]).mean() < 160
    for record in (each.record() for each in asked):
        (answer,) = record["answers"]
        assert record["context"][answer["answer_start"] :].startswith(answer["text"])


def test_questions_of_a_file() -> None:
    asked = texts.questions(3, str(FIXTURES / "question_answering" / "dev.json"))
    assert len(asked) == 3
    assert all(each.answer in each.context for each in asked)


def test_running_text_has_about_the_pieces_asked_for() -> None:
    assert lengths([texts.running_text(10_000)]).sum() == pytest.approx(10_000, rel=0.3)


def test_texts_cut_anew_lose_nothing() -> None:
    assert list(texts.of_equal_length(["a b c", "d", "e f"], 4)) == ["a b c d", "e f"]
