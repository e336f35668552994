"""What a record asks to have in its output."""

import json
from typing import Any

import httpx
import pytest
import torch
from allennlp.predictors import Predictor

from bert_classification import BertForClassification, BertForClassificationPredictor
from bert_classification.classification.request import Request, shape_output
from tests.classification.support import NUMBER, make_reader
from tests.support import BERT, FIXTURES, allennlp, assert_close, read_json_lines, write_lines

TEXT = "Lovely food, and so quick!"
ONE, MANY = (
    FIXTURES / "archives" / f"{name}.tar.gz"
    for name in ("classification", "classification_of_many_labels")
)


@pytest.fixture(scope="module")
def one() -> Any:
    return Predictor.from_path(ONE)


@pytest.fixture(scope="module")
def many() -> Any:
    return Predictor.from_path(MANY)


@pytest.mark.parametrize("archive", ["one", "many"])
@pytest.mark.parametrize("top_k, count", [(1, 1), (2, 2), (10**9, None), ("all", None)])
def test_top_k_gives_the_most_probable_labels(archive, top_k, count, request) -> None:
    predictor = request.getfixturevalue(archive)
    output = predictor.predict_json({"text": TEXT, "top_k": top_k})
    best = torch.tensor(output["probs"]).sort(descending=True).indices.tolist()[:count]
    assert output["top_k"] == [
        {"label": predictor.labels[index], "prob": output["probs"][index]} for index in best
    ]


def test_top_k_of_a_record_goes_before_that_of_the_model(vocab) -> None:
    model = BertForClassification(vocab, BERT, top_k=1)
    predictor = BertForClassificationPredictor(model, make_reader())
    records = [{"text": TEXT}, {"text": TEXT, "top_k": 3}, {"text": TEXT, "top_k": None}]
    outputs = predictor.predict_batch_json(records)
    assert [len(output["top_k"]) for output in outputs] == [1, 3, 1]


def test_a_threshold_decides_which_labels_are_given(many) -> None:
    probs = many.predict_json({"text": TEXT})["probs"]
    for threshold in (0, 1, 0.5, *probs):
        output = many.predict_json({"text": TEXT, "threshold": threshold})
        chosen = [name for name, prob in zip(many.labels, probs) if prob >= threshold]
        assert output["labels"] == chosen


def test_a_threshold_is_compared_as_the_model_compares(many) -> None:
    logit = torch.tensor(0.7).logit()
    objective = many._model.objective
    output = {"logits": [logit.item()] * 2, "probs": [torch.tensor(0.7).item()] * 2}
    assert output["probs"][0] < 0.7
    shaped = shape_output(output, Request(threshold=0.7), objective)
    assert shaped["labels"] == list(objective.names[:2])


@pytest.mark.parametrize("archive", ["one", "many"])
def test_without_probs_the_answer_is_short(archive, request) -> None:
    predictor = request.getfixturevalue(archive)
    plain, short, long = predictor.predict_batch_json(
        [{"text": TEXT, "id": 1, "probs": probs} for probs in (None, False, True)]
    )
    assert_close(long, plain)
    assert {*plain} - {*short} == {"probs", "logits"}
    assert {**plain, **short} == plain


SETTINGS: list[dict[str, Any]] = [
    {},
    {"top_k": 1},
    {"threshold": 0.0},
    {"threshold": 1.0, "top_k": "all", "probs": False},
    {"threshold": 2},
    {"probs": False},
    {},
]


@pytest.mark.parametrize("way", ["python", "predict", "/predict", "/predict_batch"])
def test_settings_hold_for_their_record_alone(way, many, serve, tmp_path) -> None:
    records = [{"text": TEXT, "id": number, **each} for number, each in enumerate(SETTINGS)]
    if way == "python":
        outputs = many.predict_batch_json(records)
    elif way == "predict":
        target = tmp_path / "out.jsonl"
        source = write_lines(tmp_path / "in.jsonl", records)
        allennlp("predict", MANY, source, "--output-file", target, "--silent", "--batch-size", 9)
        outputs = read_json_lines(target)
    elif way == "/predict":
        url = serve(many)
        outputs = [httpx.post(f"{url}/predict", json=record).json() for record in records]
    else:
        outputs = httpx.post(f"{serve(many)}/predict_batch", json=records).json()
    plain = {"id", "labels", "probs", "logits"}
    assert [set(output) - {"line"} for output in outputs] == [
        plain,
        plain | {"top_k"},
        plain,
        {"id", "labels", "top_k"},
        {"id", "error"},
        {"id", "labels"},
        plain,
    ]
    assert [outputs[index]["labels"] for index in (2, 3)] == [list(many.labels), []]
    assert_close(outputs[-1], {**outputs[0], "id": 6})


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"top_k": 0}, "`top_k`: expected a whole number from 1 on, or 'all', got a number (0)."),
        ({"top_k": True}, "`top_k`: expected a whole number from 1 on, or 'all', got a boolean"),
        ({"top_k": "some"}, 'got a string ("some")'),
        ({"top_k": 1.0}, "got a number (1.0)"),
        ({"threshold": 1.01}, "`threshold`: expected a number from 0 to 1, got a number (1.01)."),
        ({"threshold": float("nan")}, "`threshold`: expected a number from 0 to 1"),
        ({"threshold": "0.5"}, 'got a string ("0.5")'),
        ({"threshold": False}, "got a boolean (false)"),
        ({"probs": 1}, "`probs`: expected true or false, got a number (1)."),
        ({"probs": []}, "got a list ([])"),
    ],
)
def test_a_wrong_setting_is_named(many, settings, message) -> None:
    wrong, right = many.predict_batch_json([{"text": TEXT, **settings}, {"text": TEXT}])
    assert message in wrong["error"] and "labels" in right


def test_what_has_no_meaning_for_the_model_is_refused(one, vocab) -> None:
    (output,) = one.predict_batch_json([{"text": TEXT, "threshold": 0.5}])
    assert output["error"] == (
        "`threshold` has no meaning for this model, which takes `top_k`, `probs`, "
        "`abstain_below`; leave it out."
    )
    model = BertForClassification(vocab, BERT, problem_type=NUMBER, num_labels=1)
    number = BertForClassificationPredictor(model, make_reader(problem_type=NUMBER))
    for settings in ({"top_k": 1}, {"threshold": 0.5}, {"probs": True}):
        output = number.predict_json({"text": TEXT, **settings})
        assert "takes no settings" in output["error"]
    assert "score" in number.predict_json({"text": TEXT, "top_k": None})


def test_a_refused_setting_is_answered_by_422_and_the_description_names_them(many, serve) -> None:
    url = serve(many)
    refused = httpx.post(f"{url}/predict", json={"text": TEXT, "threshold": 7})
    assert refused.status_code == 422 and "`threshold`" in refused.json()["error"]
    paths = httpx.get(f"{url}/openapi.json").json()["paths"]
    body = paths["/predict"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert {"text", "top_k", "threshold", "probs"} <= set(body["properties"])
    assert body["required"] == ["text"]
    assert "The probability from which on a label is given" in httpx.get(f"{url}/docs").text


def test_an_explained_record_may_carry_settings(one, tmp_path) -> None:
    source = write_lines(tmp_path / "in.jsonl", [{"text": TEXT, "top_k": 1, "probs": False}])
    output = tmp_path / "out.jsonl"
    allennlp("explain", ONE, source, "-o", output)
    (explained,) = read_json_lines(output)
    assert "error" not in explained, json.dumps(explained)
