"""`allennlp report` of each task: a line for each record, and the numbers of `evaluate`."""

import json

import pytest

from bert_classification.data.records import guess_format
from tests.evaluation.support import ARCHIVES, Made, dev_of, report
from tests.support import TASKS, allennlp, assert_close, read_json_lines

METRICS = {
    "classification": ("accuracy", "macro_f1", "matthews", "loss", "f1/positive"),
    "next_sentence_prediction": ("accuracy", "loss"),
    "masked_lm": ("perplexity", "accuracy"),
    "causal_lm": ("perplexity",),
    "pretraining": ("perplexity", "nsp_accuracy"),
    "multiple_choice": ("accuracy", "mrr", "loss"),
    "token_classification": ("f1", "precision", "recall", "strict_f1", "accuracy", "f1/PER"),
    "question_answering": ("em", "f1", "has_answer_f1", "no_answer_em"),
    "embedding": ("pearson", "spearman"),
    "sequence_to_sequence": ("perplexity", "rouge_l", "bleu", "exact_match"),
}


@pytest.fixture(scope="module", params=TASKS)
def task(request) -> str:
    return request.param


@pytest.fixture(scope="module")
def made(task, tmp_path_factory) -> Made:
    return report(tmp_path_factory.mktemp(task), ARCHIVES / f"{task}.tar.gz", dev_of(task))


def test_has_the_numbers_of_evaluate(task, made, tmp_path) -> None:
    archive, data = ARCHIVES / f"{task}.tar.gz", dev_of(task)
    allennlp("evaluate", archive, data, "--output-file", tmp_path / "metrics.json")
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    for name in METRICS[task]:
        assert_close(made.score(name), float(metrics[name]), abs(metrics[name]) * 1e-5 + 1e-6)


def test_has_a_line_for_each_record_and_its_place(task, made) -> None:
    data = dev_of(task)
    assert made.report["records"] == len(made.lines) > 1
    assert {line["file"] for line in made.lines} == {str(data)}
    if guess_format(str(data)) == "jsonl" and data.suffix == ".jsonl":
        records = read_json_lines(data)
        assert [line["line"] for line in made.lines] == list(range(1, len(records) + 1))
        first = made.lines[0]
        assert all(first[key] == value for key, value in records[0].items() if key in first)
    errors = read_json_lines(made.directory / "errors.jsonl")
    assert errors == sorted(errors, key=lambda line: -line["loss"])
    assert all(line in made.lines for line in errors)
    page = (made.directory / "report.html").read_text()
    assert page.count("<h1>") == 1 and "<script" not in page and 'src="' not in page


def test_of_other_problem_types(tmp_path) -> None:
    archive = ARCHIVES / "classification_of_many_labels.tar.gz"
    data = dev_of("classification")
    made = report(tmp_path / "report", archive, data)
    allennlp("evaluate", archive, data, "--output-file", tmp_path / "metrics.json")
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    for name in ("micro_f1", "macro_f1", "f1/neutral"):
        assert_close(made.score(name), metrics[name], 1e-6)
