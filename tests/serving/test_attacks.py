"""The routes of attacks, over loopback."""

import json
from typing import Any

import httpx
import pytest
from allennlp.data import Vocabulary
from allennlp.predictors import Predictor

from bert_classification import (
    BertForClassification,
    BertForClassificationPredictor,
    BertForClassificationReader,
    PretrainedBertIndexer,
)
from bert_classification.interpret.hotflip import HotFlip
from bert_classification.interpret.reduction import InputReduction
from bert_classification.serving.attacks import MAX_PIECES
from tests.interpret.support import predictor_of
from tests.support import BERT, EXPLAINED, FIXTURES, TASKS, assert_close, short_record

ATTACKS = {"/attack/hotflip": HotFlip, "/attack/input-reduction": InputReduction}
ROUTES = [*ATTACKS, "/attention"]


def lines(answer: httpx.Response) -> list[dict[str, Any]]:
    assert answer.status_code == 200, answer.text
    return [json.loads(line) for line in answer.text.strip("\n").split("\n")]


@pytest.mark.parametrize("task", EXPLAINED)
def test_the_last_line_is_the_result(task, serve) -> None:
    predictor, record = predictor_of(task), short_record(task)
    url = serve(predictor)
    for path, attack in ATTACKS.items():
        results = lines(httpx.post(url + path, json=record, timeout=60))
        assert_close(results[-1], attack(predictor).attack(record))
        assert not results[0]["changed"] and results[0]["texts"] == []


def test_flips_come_one_by_one(serve) -> None:
    predictor, record = predictor_of("classification"), short_record("classification")
    results = lines(httpx.post(f"{serve(predictor)}/attack/hotflip", json=record))
    assert [len(result["flips"]) for result in results] == list(range(len(results)))
    assert len(results) > 1
    assert not any(result["changed"] for result in results[:-1])


@pytest.mark.parametrize("path", ATTACKS)
def test_a_record_that_is_refused(path, serve) -> None:
    url = serve(predictor_of("masked_lm"), log_inputs=False)
    answer = httpx.post(url + path, json={"text": 7})
    assert answer.status_code == 422 and "expected a string" in answer.json()["error"]
    long = httpx.post(url + path, json={"text": "[MASK] " + "a" * 16 * (MAX_PIECES + 1)})
    assert long.status_code == 422 and f"{MAX_PIECES} word pieces" in long.json()["error"]
    assert httpx.post(url + path, content="{").status_code == 400


def test_more_pieces_than_are_attacked() -> None:
    from bert_classification.serving.attacks import flip_words

    predictor: Any = Predictor.from_path(
        FIXTURES / "archives/classification.tar.gz",
        overrides='{"dataset_reader.long_text": "windows"}',
    )
    text = "the " * (MAX_PIECES + 1)
    with pytest.raises(Exception, match="words are exchanged or left out of up to 512. Shorten it"):
        next(flip_words(predictor, {"text": text}))


@pytest.mark.parametrize("task", sorted(set(TASKS) - set(EXPLAINED)))
def test_a_task_without_labels_has_no_such_route(task, serve) -> None:
    url = serve(Predictor.from_path(FIXTURES / f"archives/{task}.tar.gz"))
    about = httpx.get(f"{url}/about").json()
    assert not (about["saliency"] or about["attack"] or about["attention"])
    assert {httpx.post(url + path, json={}).status_code for path in ROUTES} == {404}


def test_integers_have_no_gradients(serve) -> None:
    archive = FIXTURES / "archives/classification.tar.gz"
    url = serve(Predictor.from_path(archive, precision="int8"))
    assert not httpx.get(f"{url}/about").json()["attack"]
    assert {httpx.post(url + path, json={}).status_code for path in ROUTES} == {404}


def test_a_score_is_no_answer_to_change(serve) -> None:
    vocab = Vocabulary()
    vocab.add_token_to_namespace("score", "labels")
    kind: Any = {"problem_type": "regression"}
    indexers = {"bert": PretrainedBertIndexer(BERT)}
    url = serve(
        BertForClassificationPredictor(
            BertForClassification(vocab, BERT, **kind),
            BertForClassificationReader(token_indexers=indexers, **kind),
        )
    )
    about = httpx.get(f"{url}/about").json()
    assert (about["saliency"], about["attack"], about["attention"]) == (True, False, True)
    answers = [httpx.post(url + path, json={"text": "the"}).status_code for path in ROUTES]
    assert answers == [404, 404, 200]


@pytest.mark.parametrize("path", [*ROUTES, "/saliency"])
def test_they_ask_for_the_token(path, serve) -> None:
    url = serve(predictor_of("classification"), token="open sesame")
    assert httpx.post(url + path, json={"text": "the"}).status_code == 401


def test_the_description_tells_of_them(serve) -> None:
    url = serve(predictor_of("classification"))
    paths = httpx.get(f"{url}/openapi.json").json()["paths"]
    page = httpx.get(f"{url}/docs").text
    for path in [*ROUTES, "/saliency"]:
        given = paths[path]["post"]["responses"]["200"]
        assert given["content"] and given["description"].split(".")[0] in page
        assert f"POST {path}</h2>" in page and f"curl {url}{path} -d" in page
    for path in ATTACKS:
        assert list(paths[path]["post"]["responses"]["200"]["content"]) == ["application/x-ndjson"]
