"""`POST /predict` and `POST /predict_batch`: from a request's bytes to its answer."""

import asyncio
import logging
import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Awaitable, Callable, Optional, TypeVar, Union

from allennlp.common.util import JsonDict
from allennlp.predictors import Predictor
from fastapi import Request
from starlette.exceptions import HTTPException

from bert_classification.data.outcomes import replace_successes, successes
from bert_classification.data.records import RecordError
from bert_classification.predictor import BertPredictor
from bert_classification.serving.batching import ModelThread
from bert_classification.serving.body import SMALL_BODY, client_gone, parse_body
from bert_classification.serving.foreign import predict_records
from bert_classification.serving.guard import fault
from bert_classification.serving.metrics import Metrics
from bert_classification.serving.responses import StrictJSONResponse
from bert_classification.serving.settings import Settings

logger = logging.getLogger(__name__)

PIECE_SIZE = 16
"""
Characters of a word piece, on an average that no text has. WordPiece makes a single piece of a word
of more than 100 characters, but looks at all of them.
"""

T = TypeVar("T")
Check = Callable[[Any], list[Any]]
Outcome = Union[JsonDict, Exception]


class Predictions:
    """
    Answers by one predictor. Records are parsed and tokenized in threads of their own, so many at a
    time as there are processors; large bodies one after the other in another thread, so that small
    ones do not wait for them. Their instances then meet those of other requests in the model's
    thread.
    """

    def __init__(
        self,
        predictor: Predictor,
        model: ModelThread,
        settings: Settings,
        log_inputs: bool,
        metrics: Metrics,
    ) -> None:
        self._predictor = predictor
        self._model = model
        self._settings = settings
        self._log_inputs = log_inputs
        self._metrics = metrics
        self._small = ThreadPoolExecutor(os.cpu_count(), "small")
        self._large = ThreadPoolExecutor(1, "large")

    async def predict(self, request: Request) -> StrictJSONResponse:
        ((record, outcome),) = await self.outcomes(request, one_record)
        return self.answer_one(record, outcome)

    def answer_one(self, record: Any, outcome: Outcome) -> StrictJSONResponse:
        """Answers with the output for a record, or the reason why there is none."""
        if isinstance(outcome, Exception) and not isinstance(outcome, RecordError):
            raise outcome
        status = 422 if isinstance(outcome, RecordError) else 200
        return StrictJSONResponse(self.output(record, outcome), status)

    async def predict_batch(self, request: Request) -> StrictJSONResponse:
        outcomes = await self.outcomes(request, self.several_records)
        return StrictJSONResponse([self.output(*each) for each in outcomes])

    async def read_record(self, request: Request, max_pieces: Optional[int] = None) -> JsonDict:
        """
        Reads the single record of a request. `RecordError` when its texts are too long for so many
        word pieces, by default for those of the settings.
        """
        limit = min(max_pieces or self._max_pieces, self._max_pieces)

        def read(body: bytes) -> JsonDict:
            (record,) = one_record(parse_body(body))
            self._check_texts(record, limit)
            return record

        body = await self._read_body(request)
        async with self._model.slot():
            return await self._prepare(read, body)

    async def call(self, function: Callable[..., T], *args: Any) -> T:
        """Calls a function in the model's thread, beside the batches and within the limits."""
        async with self._model.slot():
            return await self._model.call(function, *args)

    @property
    def _max_pieces(self) -> int:
        return self._settings.max_record_tokens

    async def _read_body(self, request: Request) -> bytes:
        # `request.body()` keeps it in the request, which lives on until garbage is collected.
        body = b"".join([part async for part in request.stream()])
        if self._log_inputs:
            logger.info("%s %r", request.url.path, body)
        return body

    async def outcomes(self, request: Request, check: Check) -> list[tuple[Any, Outcome]]:
        """Gives the records that `check` makes of a body, each with its output or an exception."""
        body = await self._read_body(request)
        async with self._model.slot():
            return await unless_gone(request, self._run(body, check))

    async def _run(self, body: bytes, check: Check) -> list[tuple[Any, Outcome]]:
        records, results = await self._prepare(self._instances, body, check)
        if results is None:
            outcomes = await self._model.call(predict_records, self._predictor, records)
            return list(zip(records, map(without_trace, outcomes)))
        predicted = await self._model.predict(successes(results))
        return list(zip(records, replace_successes(results, predicted)))

    async def _prepare(self, function: Callable[..., T], body: bytes, *args: Any) -> T:
        """Calls a function of a body in one of the threads; given up, it is not begun."""
        threads = self._large if len(body) > SMALL_BODY else self._small
        return await asyncio.get_running_loop().run_in_executor(threads, function, body, *args)

    def _instances(self, body: bytes, check: Check) -> tuple[list[Any], Optional[list[Any]]]:
        """Makes the records of a body and their instances, which only our predictors make apart."""
        records = check(parse_body(body))
        if not isinstance(self._predictor, BertPredictor):
            return records, None
        checked = [self._record_or_error(record) for record in records]
        results = self._predictor.instances_or_errors(successes(checked), self._max_pieces)
        outcomes = replace_successes(checked, results)
        return records, [without_trace(outcome) for outcome in outcomes]

    def _record_or_error(self, record: Any) -> Union[JsonDict, RecordError]:
        try:
            self._check_texts(record, self._max_pieces)
            return record
        except RecordError as error:
            return error

    def _check_texts(self, record: Any, max_pieces: int) -> None:
        """Raises `RecordError` for texts that are too long to be tokenized at all."""
        if not isinstance(record, dict) or not isinstance(self._predictor, BertPredictor):
            return
        size = sum(text_size(record.get(key)) for key in self._predictor.input_keys)
        if size > max_pieces * PIECE_SIZE:
            raise RecordError(
                f"the record's texts have {size} characters, too many for the {max_pieces} word "
                f"pieces that it may have (at most {PIECE_SIZE} characters for each); shorten it."
            )

    def several_records(self, values: Any) -> list[Any]:
        if not isinstance(values, list):
            raise HTTPException(400, "expected a list of records; /predict takes a single one.")
        if len(values) > self._settings.max_batch_records:
            raise HTTPException(
                413,
                f"{len(values)} records, more than the {self._settings.max_batch_records} of "
                "`--max-batch-records`; send them in several requests.",
            )
        return values

    def output(self, record: Any, outcome: Outcome) -> JsonDict:
        if isinstance(outcome, Exception) and not isinstance(outcome, RecordError):
            outcome = {"error": fault(outcome)}
        if isinstance(self._predictor, BertPredictor):
            output = self._predictor.output(record, outcome)
            self._count(record, output)
            return output
        return {"error": str(outcome)} if isinstance(outcome, Exception) else outcome

    def _count(self, record: Any, output: JsonDict) -> None:
        # Keys of the record that the task does not know are in the output as they came.
        if "confidence" in output and "confidence" not in record:
            self._metrics.confidence.observe(output["confidence"])
        if output.get("abstain") is True and "abstain" not in record:
            self._metrics.abstentions.inc()


def one_record(value: Any) -> list[Any]:
    """Makes a list of the only record; `HTTPException` (400) when it is none."""
    if not isinstance(value, dict):
        raise HTTPException(400, "expected one record, a JSON object; /predict_batch takes a list.")
    return [value]


def without_trace(outcome: T) -> T:
    """
    Takes from a record's error what it came through: these frames hold the body and, in a circle,
    the error, so that all of them would stay until garbage is collected. A fault needs it.
    """
    if isinstance(outcome, RecordError):
        outcome.__traceback__ = outcome.__cause__ = outcome.__context__ = None
    return outcome


def text_size(value: Any) -> int:
    """Counts the characters of a text, or of a list of texts, each at least of one word piece."""
    if isinstance(value, list):
        return sum(max(PIECE_SIZE, text_size(each)) for each in value)
    return len(value) if isinstance(value, str) else 0


async def unless_gone(request: Request, work: Awaitable[T]) -> T:
    """Waits for what `work` gives; it is cancelled when the client hangs up."""
    task = asyncio.ensure_future(work)
    # The body is read; the only message that can follow says that the client is gone.
    gone = asyncio.ensure_future(request.receive())
    try:
        await asyncio.wait([task, gone], return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise client_gone()
        return task.result()
    finally:
        task.cancel()
        gone.cancel()
