"""The thread that runs the model, and what runs together in it."""

import asyncio
import threading
from typing import Any, Callable

import pytest
from allennlp.common.checks import ConfigurationError
from allennlp.predictors import Predictor
from starlette.exceptions import HTTPException

from bert_classification.serving.batching import CallingThread, ModelThread
from bert_classification.serving.metrics import Metrics
from bert_classification.serving.settings import Settings
from tests.serving.support import sentences


def in_model_thread(predictor: Predictor, steps: Callable, **settings: Any) -> Metrics:
    """
    Takes steps with a model thread that is kept busy until `release()`; what it then has run.
    """
    metrics = Metrics()

    async def main() -> None:
        model = ModelThread(predictor, Settings(**settings), metrics)
        running = asyncio.create_task(model.run())
        busy = threading.Event()
        holding = asyncio.create_task(model.call(busy.wait))
        await asyncio.sleep(0)
        await steps(model, busy.set)
        busy.set()
        await holding
        running.cancel()

    asyncio.run(main())
    return metrics


def batches(metrics: Metrics) -> tuple[float, float]:
    """Counts how many batches were run, and how many records in all of them."""
    value = metrics.registry.get_sample_value
    return value("batch_records_count"), value("batch_records_sum")


def instances(predictor: Any, count: int) -> list:
    return predictor.instances_or_errors([{"text": text} for text in sentences(count)])


def test_a_calling_thread_does_what_it_is_asked_until_it_is_told_to_stop() -> None:
    thread = CallingThread()
    where, failed, given_up, last = (
        thread.submit(*call)
        for call in ((threading.current_thread,), (int, "x"), (int, "1"), (int, "2"))
    )
    assert given_up.cancel()
    thread.shutdown()
    thread.run()
    assert where.result() is threading.current_thread()
    assert isinstance(failed.exception(), ValueError)
    assert given_up.cancelled() and last.result() == 2


def test_what_waits_runs_together_within_the_budget(predictor) -> None:
    async def steps(model: ModelThread, release: Callable) -> None:
        waiting = [asyncio.create_task(model.predict([each])) for each in texts]
        await asyncio.sleep(0)
        release()
        for (output,) in await asyncio.gather(*waiting):
            assert "logits" in output

    texts = instances(predictor, 10)
    assert batches(in_model_thread(predictor, steps)) == (1, 10)
    assert batches(in_model_thread(predictor, steps, max_batch_tokens=1)) == (10, 10)


def test_a_request_alone_does_not_wait(predictor) -> None:
    async def steps(model: ModelThread, release: Callable) -> None:
        release()
        for each in instances(predictor, 3):
            await model.predict([each])

    assert batches(in_model_thread(predictor, steps, max_wait_ms=1e9)) == (3, 3)


def test_what_timed_out_before_it_began_is_not_run(predictor) -> None:
    async def steps(model: ModelThread, release: Callable) -> None:
        with pytest.raises(HTTPException) as raised:
            async with model.slot():
                await model.predict(instances(predictor, 1))
        assert raised.value.status_code == 504

    assert batches(in_model_thread(predictor, steps, timeout=0.01)) == (0, 0)


def test_a_record_that_the_model_fails_at_fails_alone(predictor) -> None:
    async def steps(model: ModelThread, release: Callable) -> None:
        good, bad = instances(predictor, 2)
        bad["tokens"].ids[:] = 10**6
        release()
        results = await model.predict([good, bad])
        assert "logits" in results[0] and isinstance(results[1], ConfigurationError)

    in_model_thread(predictor, steps)
