"""`allennlp check-data`: planted defects, each with its file and line, and none in clean data."""

import json
from pathlib import Path
from typing import Any

import numpy
import pytest
from allennlp.common.checks import ConfigurationError

from bert_classification.commands.duplicates import Signatures, similarity
from tests.support import ROOT, allennlp, write_lines

BERT = str(ROOT / "fixtures" / "bert")
WORDS = (ROOT / "fixtures" / "bert" / "vocab.txt").read_text(encoding="utf-8").split("\n")
PLAIN = [word for word in WORDS if word.isascii() and word.isalpha() and len(word) > 2]


def text(number: int, words: int = 24) -> str:
    """A text like no other."""
    draw = numpy.random.default_rng(number)
    return " ".join(PLAIN[index] for index in draw.integers(0, len(PLAIN), words))


def check(directory: Path, task: str, files: dict[str, str], *options: str, **reader: Any):
    """Checks files, and gives the findings as `(kind, file, line)`, with the summary."""
    for name, content in files.items():
        (directory / name).write_text(content, encoding="utf-8")
    names = list(files)
    config = {
        "dataset_reader": {
            "type": f"bert_for_{task}",
            "token_indexers": {"bert": {"type": "bert-pretrained", "pretrained_model": BERT}},
            **reader,
        },
        "train_data_path": str(directory / names[0]),
    }
    if len(names) > 1:
        config["validation_data_path"] = str(directory / names[1])
    (directory / "config.json").write_text(json.dumps(config))
    report = directory / "report"
    allennlp("check-data", directory / "config.json", "--report", report, *options)
    lines = (report / "findings.jsonl").read_text(encoding="utf-8").splitlines()
    findings = [json.loads(line) for line in lines]
    summary = json.loads((report / "data.json").read_text())
    assert sum(summary["findings"].values()) == len(findings)
    assert "<h1" in (report / "index.html").read_text(encoding="utf-8")
    return findings, summary["sections"]


def places(findings: list[dict[str, Any]]) -> list[tuple[str, str, int]]:
    return sorted((each["kind"], Path(each["file"]).name, each["line"]) for each in findings)


def lines_of(records: list[Any]) -> str:
    return "".join((each if isinstance(each, str) else json.dumps(each)) + "\n" for each in records)


def labelled(numbers: range) -> list[Any]:
    return [{"text": text(i), "label": ("good", "bad")[i % 2]} for i in numbers]


def test_nothing_in_clean_texts(tmp_path) -> None:
    files = {
        "train.jsonl": lines_of(labelled(range(40))),
        "dev.jsonl": lines_of(labelled(range(40, 60))),
    }
    findings, sections = check(tmp_path, "classification", files, "--strict")
    assert findings == []
    assert sections["train"]["labels"] == {"good": 20, "bad": 20}
    bins = sections["train"]["length"]["histogram"]
    assert sum(each["rows"] for each in bins) == 40


def test_each_defect_of_labelled_texts_where_it_stands(tmp_path) -> None:
    train = labelled(range(40))
    near = train[10]["text"].replace(train[10]["text"].split()[0], "another", 1)
    train += [
        "{broken",  # 41
        {"text": text(100)},
        {"text": text(101), "label": "Good "},
        {"text": train[0]["text"], "label": "good"},
        {"text": train[1]["text"], "label": "good"},
        {"text": near, "label": "good"},  # 46
        {"text": text(102, 200), "label": "bad"},
        {"text": "☃ " * 5, "label": "bad"},
        {"text": " ", "label": "bad"},
    ]
    dev = labelled(range(40, 60))
    dev += [train[2], {"text": train[3]["text"] + " the", "label": "bad"}]
    dev += [{"text": text(103), "label": "ugly"}]
    files = {"train.jsonl": lines_of(train), "dev.jsonl": lines_of(dev)}
    with pytest.raises(SystemExit) as ended:
        check(tmp_path, "classification", files, "--strict")
    assert ended.value.code == 1
    findings, sections = check(tmp_path, "classification", files)
    assert places(findings) == [
        ("conflicting labels", "train.jsonl", 45),
        ("cut text", "train.jsonl", 47),
        ("duplicate", "train.jsonl", 44),
        ("label unknown in training", "dev.jsonl", 23),
        ("leakage", "dev.jsonl", 21),
        ("near-duplicate", "train.jsonl", 46),
        ("near-leakage", "dev.jsonl", 22),
        ("nearly empty class", "train.jsonl", 43),
        ("spelling of a label", "train.jsonl", 43),
        ("uneven labels", "train.jsonl", 43),
        ("unknown words", "train.jsonl", 48),
        ("unreadable record", "train.jsonl", 41),
        ("unreadable record", "train.jsonl", 42),
        ("unreadable record", "train.jsonl", 49),
    ]
    assert (sections["train"]["rows"], sections["train"]["unreadable"]) == (46, 3)
    assert sections["train"]["class_weights"]["Good "] > sections["train"]["class_weights"]["good"]
    assert sections["train"]["unknown"]["words"] == {"☃": 5}
    assert places(check(tmp_path, "classification", files, "--near-duplicates", "1")[0]) == [
        each for each in places(findings) if not each[0].startswith("near-")
    ]


def test_bad_rows_of_a_table_do_not_hide_the_others(tmp_path) -> None:
    rows = [f"{text(i)}\t{('good', 'bad')[i % 2]}" for i in range(20)]
    rows[7], rows[12] = "a lone column", "three\tcolumns\there"
    files = {"train.tsv": "\n".join(["text\tlabel", *rows])}
    findings, sections = check(tmp_path, "classification", files)
    assert places(findings) == [("unreadable record", "train.tsv", line) for line in (9, 14)]
    assert sections["train"]["rows"] == 18


def test_tags(tmp_path) -> None:
    sentences = [
        f"{first}\tB-PER\n{second}\tO\nof\tO\nthis\tO\n"
        for first, second in (text(i, 2).split() for i in range(8))
    ]
    sentences[3] = "Oslo\tI-LOC\nis\tO\n"
    sentences[5] = "this\tB-PER\nis\tX-PER\nand\tB\n"
    sentences[6] = "alone\n"
    findings, sections = check(
        tmp_path, "token_classification", {"train.conll": "\n".join(sentences)}
    )
    assert places(findings) == [
        ("malformed tags", "train.conll", 16),
        ("malformed tags", "train.conll", 25),
        ("nearly empty class", "train.conll", 16),
        ("unreadable record", "train.conll", 28),
    ]
    assert sections["train"]["labels"] == {"PER": 5, "LOC": 1}


def test_spans_that_cut_a_word(tmp_path) -> None:
    records = [
        {"text": f"Berg {text(i)}", "entities": [{"start": 0, "end": 4, "type": "PER"}]}
        for i in range(8)
    ]
    records[3]["entities"][0]["end"] = 3
    findings, _ = check(tmp_path, "token_classification", {"train.jsonl": lines_of(records)})
    assert places(findings) == [("cut word", "train.jsonl", 4)]


def test_answers(tmp_path) -> None:
    def question(number: int, start: int, answer: str) -> dict[str, Any]:
        context = f"The key hangs in the hall. {text(number)}"
        return {
            "question": f"Where is it? {text(number + 500, 5)}",
            "context": context,
            "answers": [{"text": answer, "answer_start": start}],
        }

    records = [question(number, 17, "the hall") for number in range(10)]
    records[4] = question(4, 18, "the hall")
    records[8] = question(8, 17, "the ha")
    findings, _ = check(tmp_path, "question_answering", {"train.jsonl": lines_of(records)})
    assert places(findings) == [
        ("answer not at its place", "train.jsonl", 5),
        ("cut word", "train.jsonl", 9),
    ]


def test_documents_of_one_sentence(tmp_path) -> None:
    documents = [f"{text(i)}\n{text(i + 50)}\n" for i in range(5)]
    documents[2] = f"{text(2)}\n"
    files = {"train.txt": "\n".join(documents)}
    findings, _ = check(tmp_path, "next_sentence_prediction", files)
    assert places(findings) == [("lone sentence", "train.txt", 7)]


def test_doubtful_labels_are_those_of_cleanlab(tmp_path) -> None:
    cleanlab = pytest.importorskip("cleanlab.filter")
    draw = numpy.random.default_rng(0)
    labels = draw.integers(0, 2, 300)
    wrong = draw.choice(300, 15, replace=False)
    chances = numpy.where(labels == 1, 0.9, 0.1) + draw.uniform(-0.09, 0.09, 300)
    given = labels.copy()
    given[wrong] = 1 - given[wrong]
    names = ("bad", "good")
    lines = [
        {
            "id": i,
            "file": "train.jsonl",
            "line": i + 1,
            "gold": names[given[i]],
            "probabilities": {"bad": 1 - chances[i], "good": chances[i]},
        }
        for i in range(300)
    ]
    write_lines(tmp_path / "out_of_fold.jsonl", lines)
    files = {"train.jsonl": lines_of(labelled(range(40)))}
    findings, _ = check(
        tmp_path,
        "classification",
        files,
        "--label-issues",
        str(tmp_path / "out_of_fold.jsonl"),
    )
    probabilities = numpy.stack([1 - chances, chances], 1)
    expected = cleanlab.find_label_issues(
        given, probabilities, return_indices_ranked_by="self_confidence"
    )
    assert [each["line"] - 1 for each in findings] == expected.tolist()
    assert set(expected) <= set(wrong) and len(expected) >= 14


def test_signatures_find_rows_that_share_most_of_their_pieces() -> None:
    draw = numpy.random.default_rng(1)
    one = draw.integers(0, 1000, 100)
    other, third = one.copy(), one.copy()
    other[50] = 5000
    third[::3] = 6000
    signatures = Signatures()
    for number, ids in enumerate([one, other, third]):
        signatures.add(number, [ids])
    assert (0, 1) in signatures.candidates()
    assert similarity([one], [other]) == pytest.approx(99 / 103)
    assert similarity([one], [third]) < 0.3
    # A pair is as near as the text that it shares least of.
    assert similarity([one, one], [one, third]) < 0.3


def test_options_that_are_none(tmp_path) -> None:
    (tmp_path / "config.json").write_text("{}")
    for options, message in (
        (["--near-duplicates", "2"], "--near-duplicates"),
        ([], "train_data_path"),
    ):
        with pytest.raises(ConfigurationError, match=message):
            allennlp("check-data", tmp_path / "config.json", *options)
