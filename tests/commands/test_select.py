"""`allennlp select`: the records that a model doubts most."""

import json
import math

import numpy
import pytest
from allennlp.common.checks import ConfigurationError
from allennlp.predictors import Predictor

from bert_classification.interpret.uncertainty import SCORES
from tests.support import FIXTURES, allennlp, read_json_lines, write_lines

ARCHIVES = FIXTURES / "archives"
TEXTS = [
    "The soup was cold.",
    "Nobody answered the phone for two days.",
    "A quiet house with a lovely garden.",
    "The heating did not work at all.",
    "The survey was sent to all members.",
    "We would come back at any time.",
]


def choose(directory, task: str, records: list, *options: str) -> list[dict]:
    pool = write_lines(directory / "pool.jsonl", [json.dumps(each) for each in records])
    output = directory / "chosen.jsonl"
    allennlp("select", pool, ARCHIVES / f"{task}.tar.gz", "-o", output, *options)
    return read_json_lines(output)


def test_scores() -> None:
    sure, doubtful = {0: 0.9, 1: 0.1}, {0: 0.5, 1: 0.5}
    assert SCORES["margin"]([[sure]]) == pytest.approx(0.2)
    assert SCORES["margin"]([[sure, doubtful]]) == 1
    assert SCORES["entropy"]([[doubtful]]) == pytest.approx(math.log(2))
    certain, opposite = {0: 1.0, 1: 0.0}, {0: 0.0, 1: 1.0}
    assert SCORES["disagreement"]([[certain], [opposite]]) == pytest.approx(math.log(2))
    # Runs that all doubt do not disagree.
    assert SCORES["disagreement"]([[doubtful], [doubtful]]) == 0


def test_the_least_margin_first_and_each_text_once(tmp_path) -> None:
    records = [{"id": i, "text": text} for i, text in enumerate(TEXTS)]
    records += [{"id": 9, "text": TEXTS[0]}, {"id": 10, "txt": "no record"}]
    predictor = Predictor.from_path(str(ARCHIVES / "classification.tar.gz"))
    margins = []
    for output in predictor.predict_batch_json(records[:6]):
        best, second = sorted(output["probs"], reverse=True)[:2]
        margins.append(best - second)
    chosen = choose(tmp_path, "classification", records, "--n", "4")
    assert [each["id"] for each in chosen] == numpy.argsort(margins)[:4].tolist()
    assert [each["line"] for each in chosen] == [each["id"] + 1 for each in chosen]
    assert {key: chosen[0][key] for key in ("id", "text")} == records[chosen[0]["id"]]
    assert chosen[0]["uncertainty"] == pytest.approx(1 - min(margins), abs=1e-5)
    assert len(choose(tmp_path, "classification", records, "--n", "100")) == 6


@pytest.mark.parametrize("task", ["token_classification", "question_answering"])
@pytest.mark.parametrize("by", ["entropy", "disagreement"])
def test_words_and_answers(tmp_path, task, by) -> None:
    records = read_json_lines(FIXTURES / task / "predict.jsonl")[:4]
    options = ("--n", "3", "--by", by, "--passes", "3")
    chosen = choose(tmp_path, task, records, *options)
    scores = [each["uncertainty"] for each in chosen]
    assert scores == sorted(scores, reverse=True) and 0 < scores[-1]
    assert choose(tmp_path, task, records, *options) == chosen


def test_diverse_records_differ(tmp_path) -> None:
    # Of a text in many spellings one is enough.
    near = [{"text": f"The soup was cold{'!' * number}"} for number in range(1, 9)]
    far = [{"text": text} for text in TEXTS[1:3]]
    chosen = choose(tmp_path, "classification", [*near, *far], "--n", "3", "--diverse")
    assert len(chosen) == 3
    assert {each["text"] for each in far} <= {each["text"] for each in chosen}


def test_what_is_refused(tmp_path) -> None:
    for task, options, message in (
        ("causal_lm", (), "tell no doubt"),
        ("classification", ("--n", "0"), "--n"),
    ):
        with pytest.raises(ConfigurationError, match=message):
            choose(tmp_path, task, [{"text": "a"}], *options)
