"""
The page's files, word importance, and continuations as they are written, over loopback.
"""

import json
from typing import Any, cast

import httpx
import pytest
import torch
from allennlp.common.util import JsonDict
from allennlp.data import Instance, Vocabulary
from allennlp.predictors import Predictor

from bert_classification import (
    BertForClassification,
    BertForClassificationPredictor,
    BertForClassificationReader,
    PretrainedBertIndexer,
)
from bert_classification.data.records import RecordError
from bert_classification.serving.saliency import can_tell_importance, word_importance
from tests.support import BERT


@pytest.fixture(scope="module")
def archives(archive_of) -> dict[str, Predictor]:
    tasks = ("classification", "causal_lm")
    return {task: Predictor.from_path(archive_of(task)) for task in tasks}


@pytest.mark.parametrize(
    "precision, told", [("float32", True), ("bfloat16", True), ("int8", False)]
)
def test_importance_needs_gradients(archive_of, precision, told) -> None:
    predictor = cast(Any, Predictor.from_path(archive_of("classification"), precision=precision))
    assert can_tell_importance(predictor) == told
    if told:
        words = word_importance(predictor, {"text": "The soup was cold."})
        assert sum(word["score"] for word in words) == pytest.approx(1, abs=1e-3)


class TestFiles:
    @pytest.fixture
    def url(self, archives, serve) -> str:
        return serve(archives["classification"])

    @pytest.mark.parametrize(
        "path, kind",
        {
            "/": "text/html",
            "/static/style.css": "text/css",
            "/static/app.js": "text/javascript",
            "/static/tasks/classification.js": "text/javascript",
            "/static/icon.svg": "image/svg+xml",
        }.items(),
    )
    def test_carry_a_strict_policy(self, url, path, kind) -> None:
        answer = httpx.get(url + path)
        assert answer.status_code == 200 and answer.headers["content-type"].startswith(kind)
        assert answer.headers["content-security-policy"].startswith("default-src 'self';")

    def test_lie_in_their_directory(self, url) -> None:
        for path in ("/static/..%2fpages.py", "/static/%2e%2e/pages.py", "/static/", "/pages.py"):
            assert httpx.get(url + path).status_code == 404

    def test_a_directory_of_ones_own(self, archives, serve, tmp_path) -> None:
        (tmp_path / "index.html").write_text("<h1>Ours</h1>")
        (tmp_path / "more.txt").write_text("more")
        url = serve(archives["classification"], title="Our model", static_dir=str(tmp_path))
        assert httpx.get(url).text == "<h1>Ours</h1>"
        assert httpx.get(f"{url}/more.txt").text == "more"
        assert httpx.get(f"{url}/about").json()["title"] == "Our model"


class OfAnotherPackage(Predictor):
    def _json_to_instance(self, json_dict: JsonDict) -> Instance:
        return cast(Any, self._dataset_reader).text_to_instance(json_dict["sentence"])


def test_a_predictor_of_another_package(archives, serve) -> None:
    ours = archives["classification"]
    url = serve(OfAnotherPackage(ours._model, ours._dataset_reader), field_names=["sentence"])
    about = httpx.get(f"{url}/about").json()
    assert (about["task"], about["fields"]) == (None, ["sentence"])
    answer = httpx.post(f"{url}/predict", json={"sentence": "The soup was cold."}).json()
    assert answer["label"] == ours.predict_json({"text": "The soup was cold."})["label"]
    assert httpx.post(f"{url}/saliency", json={}).status_code == 404


def predictor_of(problem_type: str, **options: Any) -> BertForClassificationPredictor:
    vocab = Vocabulary()
    vocab.add_tokens_to_namespace(
        ["score"] if problem_type == "regression" else ["a", "b"], "labels"
    )
    indexers = {"bert": PretrainedBertIndexer(BERT)}
    return BertForClassificationPredictor(
        BertForClassification(vocab, BERT, problem_type=problem_type),
        BertForClassificationReader(token_indexers=indexers, problem_type=problem_type, **options),
    )


class TestWordImportance:
    @pytest.mark.parametrize("problem_type", ["multi_label_classification", "regression"])
    def test_every_kind_of_label(self, problem_type) -> None:
        words = word_importance(predictor_of(problem_type), {"text": "The soup was cold."})
        assert [word["text"] for word in words] == ["The", "soup", "was", "cold", "."]
        assert sum(word["score"] for word in words) == pytest.approx(1)

    def test_windows_cover_a_long_text(self) -> None:
        windows = {"long_text": "windows", "doc_stride": 20}
        predictor = predictor_of("single_label_classification", **windows)
        text = " ".join(f"soup{index} was cold, and" for index in range(40))
        words = word_importance(predictor, {"text": text})
        assert [word["start"] for word in words] == sorted(word["start"] for word in words)
        assert "".join(word["text"] for word in words) == text.replace(" ", "")
        assert all(word["score"] > 0 for word in words)

    def test_what_is_cut_counts_nothing(self) -> None:
        text = " ".join(f"soup{index}" for index in range(200))
        words = word_importance(predictor_of("single_label_classification"), {"text": text})
        assert words[0]["score"] > 0 and words[-1]["score"] == 0

    def test_a_text_that_is_too_long(self) -> None:
        predictor = predictor_of("single_label_classification", long_text="windows")
        with pytest.raises(RecordError, match="word pieces in all; word importance is told of up"):
            word_importance(predictor, {"text": "soup " * 4000})

    def test_leaves_the_model_as_it_was(self) -> None:
        predictor = predictor_of("single_label_classification")
        record = {"text": "The soup was cold."}
        before = predictor.predict_json(record)
        word_importance(predictor, record)
        assert predictor.predict_json(record) == before
        assert all(parameter.grad is None for parameter in predictor._model.parameters())


class TestStream:
    @pytest.fixture
    def url(self, archives, serve) -> str:
        return serve(archives["causal_lm"])

    @pytest.mark.parametrize(
        "how",
        [
            {},
            {"max_new_tokens": 1},
            {"max_new_tokens": 8, "do_sample": True, "temperature": 2.0, "top_k": 9, "seed": 5},
            {"max_new_tokens": 5, "num_beams": 3},
        ],
    )
    def test_gives_what_predict_gives(self, url, how) -> None:
        record = {"id": 4, "text": "The river ", **how}
        with httpx.stream("POST", f"{url}/stream", json=record) as answer:
            assert answer.headers["content-type"] == "application/x-ndjson"
            *parts, last = [json.loads(line) for line in answer.iter_lines()]
        predicted = httpx.post(f"{url}/predict", json=record).json()
        assert predicted.pop("logprob") == pytest.approx(last.pop("logprob"), abs=1e-4)
        assert last == predicted
        assert parts[-1] == {"continuation": last["continuation"]}
        assert 1 <= len(parts) <= how.get("max_new_tokens", 20)

    def test_a_seed_leaves_other_draws_alone(self, archives) -> None:
        sampled = {"text": "The river", "do_sample": True, "seed": 5, "max_new_tokens": 6}
        torch.manual_seed(1)
        expected = torch.rand(3)
        torch.manual_seed(1)
        outputs, others = [], []
        for output in archives["causal_lm"].stream_json(sampled):
            outputs.append(output)
            others.append(torch.rand(1))
        assert torch.cat(others)[:3].equal(expected)
        assert outputs[-1] == {
            **archives["causal_lm"].predict_json(sampled),
            "logprob": pytest.approx(outputs[-1]["logprob"], abs=1e-4),
        }

    def test_a_client_that_goes_away_stops_it(self, archives, url) -> None:
        steps: list[Any] = []
        bert = archives["causal_lm"]._model.bert
        hook = bert.register_forward_hook(lambda *_: steps.append(1))

        def steps_of_a_request() -> int:
            before = len(steps)
            httpx.post(f"{url}/predict", json={"text": "The river", "max_new_tokens": 1})
            return len(steps) - before

        record = {"text": "The river", "max_new_tokens": 120, "do_sample": True, "seed": 1}
        with httpx.stream("POST", f"{url}/stream", json=record) as answer:
            next(answer.iter_lines())
        alone = 0
        while alone < 5:
            alone = alone + 1 if steps_of_a_request() == 1 else 0
        hook.remove()
        assert len(steps) < 100

    @pytest.mark.parametrize(
        "body, status, message",
        [
            ('{"text": ""}', 422, "the text is empty"),
            ('{"text": "It", "top_k": 3}', 422, "do_sample"),
            ("[1]", 400, "expected one record"),
            ("{", 400, "not valid JSON"),
        ],
    )
    def test_errors(self, url, body, status, message) -> None:
        answer = httpx.post(f"{url}/stream", content=body)
        assert answer.status_code == status and message in answer.json()["error"]
