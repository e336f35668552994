"""The page's routes: what is served, word importance, and continuations as they are written."""

import asyncio
import json
from typing import Any, Callable

import httpx
import pytest
from allennlp.models import Model
from allennlp.predictors import Predictor
from fastapi import FastAPI
from fastapi.testclient import TestClient

from bert_classification.serving.app import make_app
from bert_classification.serving.pages import add_pages
from tests.test_every_task import RECORDS, WITH_LABELS, serve  # noqa: F401
from tests.test_package import TASKS


@pytest.fixture(scope="module")
def client_of(archive_of) -> Callable[[str], TestClient]:
    clients: dict[str, TestClient] = {}

    def client(task: str) -> TestClient:
        if task not in clients:
            predictor = Predictor.from_path(archive_of(task))
            clients[task] = TestClient(make_app(predictor, "Our model"))
        return clients[task]

    return client


@pytest.mark.parametrize("task", TASKS)
def test_about_and_its_example(task, client_of) -> None:
    client = client_of(task)
    about = client.get("/about").json()
    assert (about["title"], about["task"]) == ("Our model", task)
    assert set(about["example"]) <= set(about["fields"])
    assert about["saliency"] == (task in WITH_LABELS)
    assert about["stream"] == (task == "causal_lm")
    answer = client.post("/predict", json=about["example"]).json()
    if "probs" in answer and about["labels"]:
        assert len(about["labels"]) == len(answer["probs"])
    for entity in answer.get("entities", []):
        assert entity["type"] in about["labels"]


def test_page_and_files_carry_a_strict_policy(client_of) -> None:
    client = client_of("classification")
    for path, kind in {
        "/": "text/html",
        "/static/style.css": "text/css",
        "/static/app.js": "text/javascript",
        "/static/tasks/classification.js": "text/javascript",
        "/static/icon.svg": "image/svg+xml",
    }.items():
        answer = client.get(path)
        assert answer.status_code == 200 and answer.headers["content-type"].startswith(kind)
        assert answer.headers["content-security-policy"].startswith("default-src 'self';")
    for path in ("/static/..%2fpages.py", "/static/%2e%2e/pages.py", "/static/", "/pages.py"):
        assert client.get(path).status_code == 404


@pytest.mark.parametrize("task", WITH_LABELS)
def test_word_importance(task, client_of) -> None:
    record = RECORDS[task]
    words = client_of(task).post("/saliency", json=record).json()
    assert sum(word["score"] for word in words) == pytest.approx(1, abs=1e-3)
    for word in words:
        text = record.get(word["key"]) or " ".join(record["tokens"])
        text = text[word["choice"]] if "choice" in word else text
        assert text[word["start"] : word["end"]] == word["text"]
    texts = {key: value for key, value in record.items() if key != "tokens"}
    assert {word["key"] for word in words} == set(texts or {"text"})


def test_word_importance_of_a_long_text_in_windows(archive_of) -> None:
    overrides = {"dataset_reader.long_text": "windows", "dataset_reader.doc_stride": 20}
    predictor = Predictor.from_path(archive_of("classification"), overrides=json.dumps(overrides))
    text = " ".join(f"soup{number} was cold, and" for number in range(40))
    words = TestClient(make_app(predictor)).post("/saliency", json={"text": text}).json()
    assert [word["text"] for word in words] == text.replace(",", " ,").split()
    assert all(word["score"] > 0 for word in words[::-1])


@pytest.mark.parametrize("task", ["multi_label_classification", "regression"])
def test_word_importance_of_every_kind_of_label(task, tmp_path) -> None: ...


@pytest.mark.parametrize(
    "how",
    [
        {},
        {"max_new_tokens": 1},
        {"max_new_tokens": 8, "do_sample": True, "temperature": 2.0, "top_k": 9, "seed": 5},
        {"max_new_tokens": 5, "num_beams": 3},
    ],
)
def test_a_streamed_continuation_is_that_of_predict(how, client_of) -> None:
    client = client_of("causal_lm")
    record = {"id": 4, "text": "The river ", **how}
    with client.stream("POST", "/stream", json=record) as answer:
        assert answer.headers["content-type"] == "application/x-ndjson"
        *parts, last = [json.loads(line) for line in answer.iter_lines()]
    predicted = client.post("/predict", json=record).json()
    assert predicted.pop("logprob") == pytest.approx(last.pop("logprob"), abs=1e-4)
    assert last == predicted
    assert parts[-1] == {"continuation": last["continuation"]}
    assert len(parts) <= how.get("max_new_tokens", 20)


@pytest.mark.parametrize(
    "path, body, status, message",
    [
        ("/stream", '{"text": ""}', 422, "the text is empty"),
        ("/stream", '{"text": "It", "top_k": 3}', 422, "do_sample"),
        ("/stream", "[1]", 422, "expected a JSON object"),
        ("/stream", "{", 400, "not valid JSON"),
        ("/saliency", '{"text": 1}', 422, "expected a string"),
    ],
)
def test_errors(path, body, status, message, client_of) -> None:
    client = client_of("causal_lm" if path == "/stream" else "classification")
    answer = client.post(path, content=body)
    assert answer.status_code == status and message in answer.json()["error"]
