"""`POST /predict` and `POST /predict_batch`: from a request's bytes to its answer."""

import asyncio
import logging
from typing import Any, Awaitable, Callable, Optional, TypeVar, Union, cast

from allennlp.common.util import JsonDict
from allennlp.data import Instance
from allennlp.predictors import Predictor
from fastapi import Request
from starlette.exceptions import HTTPException

from bert_classification.data.outcomes import replace_successes, successes
from bert_classification.data.records import RecordError
from bert_classification.data.text_field import num_word_pieces
from bert_classification.predictor import BertPredictor
from bert_classification.serving.batching import ModelThread
from bert_classification.serving.body import client_gone, parse_body
from bert_classification.serving.guard import fault
from bert_classification.serving.responses import StrictJSONResponse
from bert_classification.serving.settings import Settings

logger = logging.getLogger(__name__)

T = TypeVar("T")
Check = Callable[[Any], list[Any]]
Outcome = Union[JsonDict, Exception]


class Predictions:
    """
    Answers by one predictor. Records are parsed and tokenized in threads of their own; their
    instances then meet those of other requests in the model's thread.
    """

    def __init__(
        self, predictor: Predictor, model: ModelThread, settings: Settings, log_inputs: bool
    ) -> None:
        self._predictor = predictor
        self._model = model
        self._settings = settings
        self._log_inputs = log_inputs

    async def predict(self, request: Request) -> StrictJSONResponse:
        ((record, outcome),) = await self._outcomes(request, one_record)
        if isinstance(outcome, Exception) and not isinstance(outcome, RecordError):
            raise outcome
        status = 422 if isinstance(outcome, RecordError) else 200
        return StrictJSONResponse(self._output(record, outcome), status)

    async def predict_batch(self, request: Request) -> StrictJSONResponse:
        outcomes = await self._outcomes(request, self._several_records)
        return StrictJSONResponse([self._output(*each) for each in outcomes])

    async def _outcomes(self, request: Request, check: Check) -> list[tuple[Any, Outcome]]:
        body = await request.body()
        if self._log_inputs:
            logger.info("%s %r", request.url.path, body)
        async with self._model.slot():
            return await unless_gone(request, self._run(body, check))

    async def _run(self, body: bytes, check: Check) -> list[tuple[Any, Outcome]]:
        records, results = await asyncio.to_thread(self._prepare, body, check)
        if results is None:
            outputs = await self._model.call(self._predictor.predict_batch_json, records)
            return list(zip(records, outputs))
        predicted = await self._model.predict(successes(results))
        return list(zip(records, replace_successes(results, predicted)))

    def _prepare(self, body: bytes, check: Check) -> tuple[list[Any], Optional[list[Any]]]:
        """The records in a body and their instances, which only our predictors make apart."""
        records = check(parse_body(body))
        if not isinstance(self._predictor, BertPredictor):
            return records, None
        results = self._predictor.instances_or_errors(records)
        return records, [self._limit_pieces(result) for result in results]

    def _limit_pieces(self, result: Union[Instance, RecordError]) -> Union[Instance, RecordError]:
        limit = self._settings.max_record_tokens
        if isinstance(result, Instance) and (pieces := num_word_pieces(result)) > limit:
            return RecordError(
                f"the record has {pieces} word pieces in all, more than the {limit} of "
                "`--max-record-tokens`; shorten it."
            )
        return result

    def _several_records(self, values: Any) -> list[Any]:
        if not isinstance(values, list):
            raise HTTPException(400, "expected a list of records; /predict takes a single one.")
        if len(values) > self._settings.max_batch_records:
            raise HTTPException(
                413,
                f"{len(values)} records, more than the {self._settings.max_batch_records} of "
                "`--max-batch-records`; send them in several requests.",
            )
        return values

    def _output(self, record: Any, outcome: Outcome) -> JsonDict:
        if isinstance(outcome, Exception) and not isinstance(outcome, RecordError):
            outcome = {"error": fault(outcome)}
        if isinstance(self._predictor, BertPredictor):
            return self._predictor.output(record, outcome)
        return cast(JsonDict, outcome)


def one_record(value: Any) -> list[Any]:
    if not isinstance(value, dict):
        raise HTTPException(400, "expected one record, a JSON object; /predict_batch takes a list.")
    return [value]


async def unless_gone(request: Request, work: Awaitable[T]) -> T:
    """What `work` gives; it is cancelled when the client hangs up."""
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
