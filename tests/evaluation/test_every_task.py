"""`allennlp report` of each task: a line for each record, and the numbers of `allennlp evaluate`."""

import json

import pytest

from bert_classification.data.records import guess_format
from tests.evaluation.support import ARCHIVES, dev_of, report
from tests.support import TASKS, allennlp, assert_close

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


@pytest.mark.parametrize("task", TASKS)
def test_has_the_numbers_of_evaluate(task, tmp_path) -> None:
    archive, data = ARCHIVES / f"{task}.tar.gz", dev_of(task)
    made = report(tmp_path / "report", archive, data)
    allennlp("evaluate", archive, data, "--output-file", tmp_path / "metrics.json")
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    for name in METRICS[task]:
        assert_close(made.score(name), float(metrics[name]), abs(metrics[name]) * 1e-5 + 1e-6)


@pytest.mark.parametrize("task", TASKS)
def test_has_a_line_for_each_record_and_its_place(task, tmp_path) -> None:
    data = dev_of(task)
    made = report(tmp_path, ARCHIVES / f"{task}.tar.gz", data)
    assert made.report["records"] == len(made.lines) > 1
    assert {line["file"] for line in made.lines} == {str(data)}
    if guess_format(str(data)) == "jsonl" and data.suffix == ".jsonl":
        records = [json.loads(line) for line in data.read_text().splitlines()]
        assert [line["line"] for line in made.lines] == list(range(1, len(records) + 1))
        first = made.lines[0]
        assert all(first[key] == value for key, value in records[0].items() if key in first)
    errors = [json.loads(line) for line in (tmp_path / "errors.jsonl").read_text().splitlines()]
    assert errors == sorted(errors, key=lambda line: -line["loss"])
    assert all(line in made.lines for line in errors)
    page = (tmp_path / "report.html").read_text()
    assert page.count("<h1>") == 1 and "<script" not in page and 'src="' not in page


def test_of_other_problem_types(tmp_path) -> None:
    archive = ARCHIVES / "classification_of_many_labels.tar.gz"
    data = dev_of("classification")
    made = report(tmp_path / "report", archive, data)
    allennlp("evaluate", archive, data, "--output-file", tmp_path / "metrics.json")
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    for name in ("micro_f1", "macro_f1", "f1/neutral"):
        assert_close(made.score(name), metrics[name], 1e-6)
