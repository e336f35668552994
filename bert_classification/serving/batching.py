"""One thread that runs the model, and the queue before it."""

import asyncio
import math
from collections import deque
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from queue import SimpleQueue
from typing import Any, AsyncIterator, Callable, NamedTuple, Optional, Sequence, Union

from allennlp.data import Instance
from allennlp.predictors import Predictor
from starlette.exceptions import HTTPException

from bert_classification.data.text_field import num_word_pieces
from bert_classification.serving.metrics import Metrics
from bert_classification.serving.settings import Settings


class Job(NamedTuple):
    """What waits for the model: an instance with its word pieces, or a function, run alone."""

    future: asyncio.Future
    task: Union[Instance, partial]
    pieces: float


class CallingThread(Executor):
    """
    Runs what is submitted in the thread that calls `run`. In a process's first thread PyTorch is a
    quarter faster than in a second one: where two have computed, OpenMP's threads are more than the
    processors and no longer wait for each other awake, and what a second thread allocates is given
    back to the system after each use.
    """

    def __init__(self) -> None:
        self._calls: SimpleQueue = SimpleQueue()

    def submit(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future:
        future: Future = Future()
        self._calls.put((future, partial(function, *args, **kwargs)))
        return future

    def run(self) -> None:
        """Runs calls until `shutdown`, and until all that was submitted before it is done."""
        for future, call in iter(self._calls.get, None):
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(call())
                except Exception as error:
                    future.set_exception(error)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        self._calls.put(None)


class ModelThread:
    """
    Runs instances that wait together, in the order they came, up to `max_batch_tokens` word pieces
    at once. When the thread is free, what waits is run at once, unless it is less than the batch
    before: the clients of that one are about to ask again, and have `max_wait_ms` for it.

    Everything but `_execute` happens in the event loop. What was given up while it waited, because
    its request timed out or its client hung up, is not run.
    """

    def __init__(
        self,
        predictor: Predictor,
        settings: Settings,
        metrics: Metrics,
        thread: Optional[Executor] = None,
    ) -> None:
        # Instances come from our predictors alone; of others whole calls are run.
        self._predictor: Any = predictor
        self._settings = settings
        self._metrics = metrics
        self._thread = thread or ThreadPoolExecutor(1, "model")
        self._waiting: deque[Job] = deque()
        self._arrival = asyncio.Event()
        self._requests = 0

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """
        Gives a request a slot in the queue, which it has until it is answered. Raises
        `HTTPException`: 503 when there is none, 504 when time is over.
        """
        limit, seconds = self._settings.max_queue, self._settings.timeout
        if self._requests >= limit:
            raise HTTPException(
                503, f"{limit} requests wait (`--max-queue`); try again.", {"retry-after": "1"}
            )
        self._requests += 1
        self._metrics.queue.set(self._requests)
        try:
            async with asyncio.timeout(seconds):
                yield
        except TimeoutError:
            raise HTTPException(
                504, f"no answer within {seconds:g} seconds (`--timeout`)."
            ) from None
        finally:
            self._requests -= 1
            self._metrics.queue.set(self._requests)

    async def predict(self, instances: Sequence[Instance]) -> list[Any]:
        """Gives the output for each instance, or the exception that the model raised."""
        jobs = [self._add(each, num_word_pieces(each)) for each in instances]
        return await asyncio.gather(*jobs, return_exceptions=True)

    async def call(self, function: Callable[..., Any], *args: Any) -> Any:
        """Gives what a function returns that is run in the model's thread."""
        return await self._add(partial(function, *args), math.inf)

    def _add(self, task: Union[Instance, partial], pieces: float) -> asyncio.Future:
        job = Job(asyncio.get_running_loop().create_future(), task, pieces)
        self._waiting.append(job)
        self._arrival.set()
        return job.future

    async def run(self) -> None:
        """Runs what comes, until it is cancelled."""
        loop = asyncio.get_running_loop()
        before = 1
        while True:
            await self._wait_for(1)
            await self._wait_for(before, self._settings.max_wait_ms / 1000)
            if batch := self._next_batch():
                before = len(batch)
                tasks = [job.task for job in batch]
                results = await loop.run_in_executor(self._thread, self._execute, tasks)
                for job, result in zip(batch, results):
                    _settle(job.future, result)

    async def _wait_for(self, count: int, seconds: Optional[float] = None) -> None:
        try:
            async with asyncio.timeout(seconds):
                while len(self._waiting) < count:
                    self._arrival.clear()
                    await self._arrival.wait()
        except TimeoutError:
            pass

    def _next_batch(self) -> list[Job]:
        batch: list[Job] = []
        pieces: float = 0
        while self._waiting:
            job = self._waiting[0]
            if not job.future.done():
                pieces += job.pieces
                if batch and pieces > self._settings.max_batch_tokens:
                    break
                batch.append(job)
            self._waiting.popleft()
        return batch

    def _execute(self, tasks: list[Any]) -> list[Any]:
        """Gives a result or an exception for each."""
        if not isinstance(tasks[0], partial):
            self._count(tasks)
            return self._predictor.outputs_or_errors(tasks)
        try:
            return [tasks[0]()]
        except Exception as error:
            return [error]

    def _count(self, instances: list[Instance]) -> None:
        self._metrics.batch_records.observe(len(instances))
        self._metrics.tokens.inc(sum(map(num_word_pieces, instances)))


def _settle(future: asyncio.Future, result: Any) -> None:
    if future.done():
        return
    if isinstance(result, Exception):
        future.set_exception(result)
    else:
        future.set_result(result)
