"""Attention as the server tells it."""

import base64
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import httpx
import numpy
import pytest
from allennlp.data.fields import ListField
from allennlp.predictors import Predictor

from bert_classification.data.records import RecordError
from bert_classification.data.text_field import WordPieceField
from bert_classification.predictor import with_settings
from bert_classification.serving.attention import MAX_PIECES, attention, check_size
from tests.interpret.support import predictor_of
from tests.support import EXPLAINED, FIXTURES, short_record


def weights_of(told: dict[str, Any], row: dict[str, Any]) -> numpy.ndarray:
    size = len(row["pieces"])
    data = numpy.frombuffer(base64.b64decode(row["weights"]), numpy.uint8)
    return data.reshape(told["layers"], told["heads"], size, size) / 255


def attentions_of(predictor: Any, record: dict[str, Any]) -> numpy.ndarray:
    """Asks the whole model for its attentions, shape `(rows, layers, heads, length, length)`."""
    wanted = replace(predictor._model.text_input, output_attentions=True)
    model = with_settings(predictor._model, text_input=wanted)
    (instance,) = predictor.instances_or_errors([record])
    (output,) = model.forward_on_instances([instance])
    found = output["attentions"]
    return found if isinstance(instance["tokens"], ListField) else found[None]


@pytest.mark.parametrize("task", EXPLAINED)
def test_the_weights_are_those_of_the_model(task) -> None:
    predictor, record = predictor_of(task), short_record(task)
    told, expected = attention(predictor, record), attentions_of(predictor, record)
    assert len(told["rows"]) == len(expected)
    for row, each in zip(told["rows"], expected):
        size = len(row["pieces"])
        weights = weights_of(told, row)
        assert numpy.abs(weights - each[..., :size, :size]).max() < 0.5 / 255 + 1e-5
        assert weights.sum(-1) == pytest.approx(1, abs=size * 0.5 / 255)
        assert (row["pieces"][0], row["pieces"][-1]) == ("[CLS]", "[SEP]")


def test_windows_are_rows() -> None:
    overrides = '{"dataset_reader.long_text": "windows", "dataset_reader.doc_stride": 20}'
    predictor = Predictor.from_path(
        FIXTURES / "archives/classification.tar.gz", overrides=overrides
    )
    told = attention(predictor, {"text": "the soup was cold " * 40})  # type: ignore[arg-type]
    lengths = [len(row["pieces"]) for row in told["rows"]]
    assert len(lengths) > 1 and min(lengths) < max(lengths) <= MAX_PIECES
    assert all(weights_of(told, row).max() > 0 for row in told["rows"])


def test_two_at_once_get_what_each_gets_alone() -> None:
    predictor = predictor_of("classification")
    records = [{"text": "The soup was cold."}, {"text": "We came back " * 9}]
    alone = [attention(predictor, record) for record in records]
    before = predictor.predict_json(records[0])
    with ThreadPoolExecutor(2) as threads:
        asked = [threads.submit(attention, predictor, record) for record in records * 20]
        predicted = [threads.submit(predictor.predict_json, records[0]) for _ in range(20)]
    assert [each.result() for each in asked] == alone * 20
    assert all(each.result() == before for each in predicted)
    assert not predictor._model.text_input.output_attentions


@pytest.mark.parametrize(
    "lengths, sentence",
    [
        ([40, 129], "a row of the record has 129 word pieces; attention is shown of up to 128"),
        ([128] * 129, "129 rows of up to 128 word pieces, and 8454144 weights in 4 heads; at most"),
        ([2] * 128 + [128], "129 rows of up to 128 word pieces"),
    ],
)
def test_what_is_too_much(lengths, sentence) -> None:
    rows = [WordPieceField(numpy.zeros(length, numpy.int32), length, "", 0) for length in lengths]
    with pytest.raises(RecordError, match=sentence):
        check_size(rows, 4)
    check_size(rows[:1] * 128, 4)


def test_the_route(serve) -> None:
    predictor = predictor_of("multiple_choice")
    url, record = serve(predictor), short_record("multiple_choice")
    assert httpx.post(f"{url}/attention", json=record).json() == attention(predictor, record)
    refused = httpx.post(f"{url}/attention", json={"prompt": "Why?"})
    assert refused.status_code == 422 and "choices" in refused.json()["error"]
