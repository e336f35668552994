"""Continuations as they are written, over loopback."""

import json
from typing import Any

import httpx
import pytest
import torch


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
