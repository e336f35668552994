"""AllenNLP's own predictors behind our server."""

from typing import Any

import httpx
import pytest
from allennlp.common.util import JsonDict
from allennlp.predictors import Predictor

from bert_classification.serving.foreign import predict_records
from tests.archives.old import OLD, RECORDS, predictions_of
from tests.serving.support import run_server
from tests.support import BERT, assert_close


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    return Predictor.from_path(str(OLD / "2.10.1.tar.gz"), overrides={"bert": BERT})


def test_a_record_without_its_key(predictor, serve) -> None:
    url = serve(predictor)
    answer = httpx.post(f"{url}/predict", json={"text": "a"})
    assert answer.status_code == 422
    assert answer.json() == {"error": "no key `sentence`; the record has `text`."}
    assert httpx.post(f"{url}/predict", json=RECORDS[0]).status_code == 200


def test_its_neighbours_in_a_batch(predictor, serve) -> None:
    url = serve(predictor)
    records = [RECORDS[0], {"text": "a"}, {"sentence": 5}, 7, RECORDS[0]]
    answer = httpx.post(f"{url}/predict_batch", json=records)
    assert answer.status_code == 200
    first, missing, fault, none, last = answer.json()
    assert_close(first["logits"], last["logits"])
    assert "no key `sentence`" in missing["error"] and "its log tells more" in fault["error"]
    assert "expected a JSON object" in none["error"]


def test_the_command(tmp_path) -> None:
    with run_server(OLD / "2.10.1.tar.gz", tmp_path, "--bert", BERT) as server:
        assert_close(
            server.client.post("/predict", json=RECORDS[0]).json()["logits"],
            predictions_of("2.10.1")[0]["logits"],
            1e-5,
        )


def test_no_records(predictor, serve) -> None:
    assert httpx.post(f"{serve(predictor)}/predict_batch", json=[]).json() == []


def test_a_predictor_that_does_without_a_key() -> None:
    class Patient(Predictor):
        def __init__(self) -> None:
            pass

        def predict_batch_json(self, inputs: list[JsonDict]) -> list[JsonDict]:
            return [self._answer(each) for each in inputs]

        def _answer(self, record: JsonDict) -> JsonDict:
            try:
                return {"found": record["key"]}
            except KeyError:
                return {"found": record.get("other")}

    outputs: list[Any] = predict_records(Patient(), [{"key": 1}, {"other": 2}, {}])
    assert outputs == [{"found": 1}, {"found": 2}, {"found": None}]
