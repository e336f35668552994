"""The training examples that are nearest to a record, of archives that keep some."""

from pathlib import Path
from typing import Any

import httpx
import pytest
import torch
from allennlp.models.archival import load_archive
from allennlp.predictors import Predictor

from bert_classification.archives.nearest import KeptExamples
from bert_classification.data.records import RecordError
from bert_classification.objectives.next_sentence import LABELS
from bert_classification.predictor import with_settings
from bert_classification.serving.nearest import nearest_examples
from bert_classification.training.nearest_examples import compute_vectors
from tests.interpret.support import planted_texts, train_planted
from tests.serving.support import TOKEN, run_server
from tests.support import FIXTURES, TASKS
from tests.training.test_nearest_examples import train


@pytest.fixture(scope="module")
def archive(tmp_path_factory) -> Path:
    return train("next_sentence_prediction", tmp_path_factory.mktemp("kept") / "out")


def with_kept_examples(predictor: Any, count: int = 64, **values: str) -> Any:
    """
    Gives a predictor whose model keeps planted texts, as one from an archive does; `values` stand
    in the place of theirs.
    """
    planted = planted_texts(64, 0)[:count]
    kept = None
    if planted:
        reader = predictor._dataset_reader
        instances = [reader.text_to_instance(text) for text, _ in planted]
        vectors = torch.nn.functional.normalize(
            compute_vectors(predictor._model, instances), dim=-1
        )
        records = [{"text": text, "label": label, **values} for text, label in planted]
        kept = KeptExamples(
            vectors,
            [
                {"file": "train.jsonl", "line": line, "record": record}
                for line, record in enumerate(records, 1)
            ],
        )
    model = with_settings(predictor._model)
    model.kept_examples = kept
    return type(predictor)(model, predictor._dataset_reader)


def test_from_training_to_the_server(archive, tmp_path) -> None:
    model: Any = load_archive(archive).model
    third = model.kept_examples.records[2]
    record = {key: third["record"][key] for key in ("text", "text_pair")}
    with run_server(archive, tmp_path) as server:
        assert server.client.get("/about").json()["nearest"] is True
        told = server.client.post("/nearest", json=record).json()
    assert len(told) == 5
    similarities = [each["similarity"] for each in told]
    assert similarities == sorted(similarities, reverse=True)
    assert similarities[0] == pytest.approx(1, abs=1e-3)
    same = next(each for each in told if record.items() <= each["record"].items())
    # The label by its name, which the example has as an index.
    assert same["record"]["label"] == LABELS[third["record"]["label"]]
    assert same["location"] == f"{third['file']}, line {third['line']}"


def test_texts_with_the_deciding_word_are_near_each_other(tmp_path) -> None:
    planted = train_planted(planted_texts(64, 0), tmp_path / "train.jsonl").predictor
    predictor = with_kept_examples(planted)
    for word, label in (("new", "good"), ("old", "bad")):
        told = nearest_examples(predictor, {"text": f"we to the {word} a from"})
        assert {each["record"]["label"] for each in told} == {label}


def test_it_has_the_token_the_limits_and_the_errors_of_the_others(archive, serve) -> None:
    predictor: Any = Predictor.from_path(archive)
    url = serve(predictor, token=TOKEN)
    client = httpx.Client(base_url=url, headers={"authorization": f"Bearer {TOKEN}"})
    record = predictor.example
    assert httpx.post(f"{url}/nearest", json=record).status_code == 401
    assert client.post("/nearest", json=record).status_code == 200
    for wrong, status in [([record], 400), ({"text": "a"}, 422)]:
        answer = client.post("/nearest", json=wrong)
        assert answer.status_code == status and answer.json().keys() == {"error"}
    long = client.post("/nearest", json={**record, "text": "a " * 20_000})
    assert long.status_code == 422 and "too many for the 2048 word pieces" in long.json()["error"]
    assert "nearest to a record" in client.get("/docs").text


@pytest.mark.parametrize("task", TASKS)
def test_no_such_route_where_the_archive_keeps_none(task, serve) -> None:
    predictor = Predictor.from_path(FIXTURES / "archives" / f"{task}.tar.gz")
    url = serve(predictor)
    assert httpx.get(f"{url}/about").json()["nearest"] is False
    assert httpx.post(f"{url}/nearest", json=predictor.example).status_code == 404


def test_a_text_of_too_many_windows(tmp_path) -> None:
    long_text = {"dataset_reader.long_text": "windows", "dataset_reader.doc_stride": 10}
    predictor = Predictor.from_path(train("classification", tmp_path / "out", **long_text))
    with pytest.raises(RecordError, match="are told of up to 2048. Shorten it"):
        nearest_examples(predictor, {"text": "soup " * 1500})


@pytest.mark.parametrize("precision", ["bfloat16", "int8"])
def test_every_precision(archive, precision) -> None:
    predictor: Any = Predictor.from_path(archive, precision=precision)
    told = nearest_examples(predictor, predictor.example)
    assert len(told) == 5 and all(0.5 < each["similarity"] <= 1 for each in told)
