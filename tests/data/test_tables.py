from typing import Any

import pytest
from allennlp.common.checks import ConfigurationError

from bert_classification.data.draft import Draft
from bert_classification.data.tables import propose_columns
from tests.support import write_lines

KEYS = ("text", "text_pair", "label")


def propose(path: Any, **given: Any) -> Any:
    """Gives the columns that are proposed for a file, and its first row under our keys."""
    draft = Draft({"dataset_reader": dict(given)})
    table = propose_columns(str(path), draft, KEYS, optional=("text_pair",))
    return draft.get("dataset_reader.columns"), table.rows[0]


@pytest.mark.parametrize(
    "header, columns",
    [
        ("sentence\tlabel", {"text": "sentence", "label": "label"}),
        (
            "sentence1\tsentence2\tgold_label",
            {"text": "sentence1", "text_pair": "sentence2", "label": "gold_label"},
        ),
        (
            "question\tsentence\tlabel",
            {"text": "question", "text_pair": "sentence", "label": "label"},
        ),
        (
            "Quality\t#1 ID\t#2 ID\t#1 String\t#2 String",
            {"text": "#1 String", "text_pair": "#2 String", "label": "Quality"},
        ),
        (
            "id\tquestion1\tquestion2\tis_duplicate",
            {"text": "question1", "text_pair": "question2", "label": "is_duplicate"},
        ),
        ("text\ttext_pair\tlabel", None),
    ],
)
def test_known_headers(header, columns, tmp_path) -> None:
    path = tmp_path / "data.tsv"
    row = "\t".join(str(number) for number in range(len(header.split("\t"))))
    path.write_text(f"{header}\n{row}\n")
    assert propose(path)[0] == columns


def test_what_stands_in_columns_without_known_names(tmp_path) -> None:
    rows = "".join(f"id{i},A text number {i}.,{'xy'[i % 2]}\n" for i in range(20))
    path = tmp_path / "data.csv"
    path.write_text(f"key,message,kind\n{rows}")
    columns, row = propose(path)
    assert columns == {"text": "message", "label": "kind"}
    assert row == {"key": "id0", "text": "A text number 0.", "label": "x"}


def test_a_file_without_header(tmp_path) -> None:
    path = tmp_path / "cola.tsv"
    marks = ("1\t", "0\t*")
    lines = [f"gj0{i // 10}\t{marks[i % 2]}\tThe sentence {i}." for i in range(20)]
    path.write_text("\n".join(lines))
    columns, row = propose(path)
    assert columns == {"text": 3, "label": 1}
    assert (row["text"], row["label"]) == ("The sentence 0.", "1")


def test_amounts(tmp_path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("".join(f"{i},A text {i}.,{i / 7:.3f}\n" for i in range(20)))
    assert propose(path)[0] == {"text": 1, "label": 2}


def test_given_numbers_mean_no_header(tmp_path) -> None:
    path = tmp_path / "data.tsv"
    path.write_text("sentence\tlabel\nA text.\t1\n")
    columns, row = propose(path, columns={"text": 0, "label": 1})
    assert columns == {"text": 0, "label": 1} and row == {"text": "sentence", "label": "label"}


def test_keys_of_json_lines(tmp_path) -> None:
    path = write_lines(tmp_path / "data.jsonl", [{"review": "It was good.", "stars": 5}] * 3)
    assert propose(path)[0] == {"text": "review", "label": "stars"}


@pytest.mark.parametrize(
    "name, text, said",
    [
        ("a.tsv", "", "is empty"),
        ("a.csv", "text,label\n", "no row beside the header"),
        ("a.data", "some text\n", "cannot tell the format"),
        ("a.data", "", "is empty"),
        ("a.csv", 'text,label\n"a,b\n', "line 2: not valid CSV"),
        ("a.csv", "a,b,c\na b,c d,1\nb c,d e,1\n", "which of the columns is `text`"),
        ("a.csv", "a b,1\nb c,2\na c,3\n", "counted from 0) is `label`: `0` (a b), `1` (1)"),
    ],
)
def test_refusals(name, text, said, tmp_path) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(ConfigurationError) as refused:
        propose(tmp_path / name)
    assert said in str(refused.value)
