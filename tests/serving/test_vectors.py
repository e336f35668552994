"""`/embed`, `/similarity` and `/rank`."""

import httpx
import numpy
import pytest
from allennlp.predictors import Predictor

from bert_classification.serving.settings import Settings
from tests.embedding.support import TEXTS, make_predictor

LIMITED = Settings(max_batch_records=4, max_record_tokens=20)


@pytest.fixture
def url(serve) -> str:
    return serve(make_predictor(), settings=LIMITED)


def test_vectors_and_similarities(url) -> None:
    answer = httpx.post(f"{url}/embed", json={"texts": TEXTS}).json()
    expected = make_predictor().vectors_or_errors([{"text": text} for text in TEXTS])
    assert numpy.allclose(answer["embeddings"], expected, atol=1e-5)
    found = httpx.post(f"{url}/similarity", json={"texts": TEXTS}).json()["similarities"]
    lengths = numpy.linalg.norm(expected, axis=1)
    cosines = numpy.array(expected) @ numpy.array(expected).T / lengths / lengths[:, None]
    assert numpy.allclose(found, cosines, atol=1e-5)


def test_documents_are_ranked(url) -> None:
    request = {"query": TEXTS[1], "documents": TEXTS}
    ranking = httpx.post(f"{url}/rank", json=request).json()["ranking"]
    assert ranking[0]["index"] == 1 and ranking[0]["score"] == pytest.approx(1, abs=1e-5)
    assert sorted(each["index"] for each in ranking) == [0, 1, 2]
    assert [each["document"] for each in ranking] == [TEXTS[each["index"]] for each in ranking]
    assert [each["score"] for each in ranking] == sorted(
        (each["score"] for each in ranking), reverse=True
    )
    best = httpx.post(f"{url}/rank", json={**request, "top_k": 2}).json()["ranking"]
    assert best == ranking[:2]


def test_pairs_are_ranked_by_a_classifier(serve, archive_of) -> None:
    predictor = Predictor.from_path(archive_of("next_sentence_prediction"))
    url = serve(predictor)
    ranking = httpx.post(f"{url}/rank", json={"query": "Why?", "documents": TEXTS}).json()
    for each in ranking["ranking"]:
        output = predictor.predict_json({"text": "Why?", "text_pair": each["document"]})
        assert each["score"] == pytest.approx(output["is_next_probability"], abs=1e-5)
    assert httpx.post(f"{url}/embed", json={"texts": TEXTS}).status_code in (404, 405)


@pytest.mark.parametrize(
    "path, request_, status, sentence",
    [
        ("rank", {"documents": ["a"]}, 422, "no key `query`"),
        ("rank", {"query": " ", "documents": ["a"]}, 422, "`query`: the text is empty."),
        ("rank", {"query": "a", "documents": []}, 422, "`documents`: expected a list of texts, at"),
        ("rank", {"query": "a", "documents": "b"}, 422, "at least one, got a string"),
        ("rank", {"query": "a"}, 422, "at least one, got null"),
        ("rank", {"query": "a", "documents": ["b", 5]}, 422, "`documents[1]`: expected a string"),
        ("rank", {"query": "a", "documents": ["b", ""]}, 422, "`documents[1]`: the text is empty."),
        ("rank", {"query": "a", "documents": ["b"] * 5}, 413, "5 texts, more than the 4 of"),
        ("rank", {"query": "a", "documents": ["b"], "top_k": 0}, 422, "`top_k`: expected a whole"),
        ("rank", {"query": "a", "documents": ["b"], "top_k": True}, 422, "`top_k`: expected"),
        ("rank", {"query": "a b " * 20, "documents": ["b"]}, 422, "`query`: the record has at"),
        ("rank", {"query": "a", "documents": ["b", "a b " * 20]}, 422, "`documents[1]`: the rec"),
        ("rank", ["a"], 400, "expected a JSON object, got a list"),
        ("embed", {"texts": ["b"] * 100}, 413, "`texts`: 100 texts, more than the 4 of"),
        ("embed", {"text": "b"}, 422, "`texts`: expected a list of texts"),
        ("similarity", {"texts": ["b", None]}, 422, "`texts[1]`: expected a string, got null"),
        ("similarity", 5, 400, "expected a JSON object, got a number"),
    ],
)
def test_what_is_wrong_with_a_request(url, path, request_, status, sentence) -> None:
    answer = httpx.post(f"{url}/{path}", json=request_)
    assert answer.status_code == status and sentence in answer.json()["error"]


def test_openapi_has_examples_that_are_answered(url) -> None:
    paths = httpx.get(f"{url}/openapi.json").json()["paths"]
    for path in ("/embed", "/similarity", "/rank"):
        body = paths[path]["post"]["requestBody"]["content"]["application/json"]
        answer = httpx.post(url + path, json=body["example"])
        schema = paths[path]["post"]["responses"]["200"]["content"]["application/json"]["schema"]
        assert answer.status_code == 200 and set(answer.json()) == set(schema["properties"])
    assert "/rank" in httpx.get(f"{url}/docs").text


def test_a_model_of_pieces_does_not_compare(serve) -> None:
    url = serve(make_predictor(pooling="tokens"))
    assert httpx.get(f"{url}/openapi.json").json()["paths"].keys().isdisjoint({"/embed", "/rank"})
