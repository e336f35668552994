"""Answers that come in lines, each as soon as it is known."""

from contextlib import contextmanager
from typing import Any, AsyncIterator, Iterator

from allennlp.common.util import JsonDict
from fastapi import Request
from fastapi.responses import StreamingResponse
from starlette.exceptions import HTTPException

from bert_classification.data.records import RecordError
from bert_classification.serving.guard import fault
from bert_classification.serving.predictions import Predictions
from bert_classification.serving.responses import StrictJSONResponse

MEDIA_TYPE = "application/x-ndjson"


async def answer_lines(
    outputs_of: Any, request: Request, predictions: Predictions, max_pieces: int | None = None
) -> StreamingResponse:
    """
    Answers a request by JSON lines: what the iterator yields that `outputs_of` makes of its record,
    each in its turn in the model's thread. What fails after the first line is a last one with
    `{"error": ...}`. A client that goes away stops it.
    """
    with refuse_records():
        outputs = outputs_of(await predictions.read_record(request, max_pieces))
        first = await predictions.call(next, outputs, None)
    lines = json_lines(first, outputs, predictions)
    # Or nginx would keep the lines until there are many.
    headers = {"X-Accel-Buffering": "no"}
    return StreamingResponse(lines, headers=headers, media_type=MEDIA_TYPE)


@contextmanager
def refuse_records() -> Iterator[None]:
    """Answers a record that is not what the task expects by 422."""
    try:
        yield
    except RecordError as error:
        raise HTTPException(422, str(error)) from error


async def json_lines(output: Any, outputs: Any, predictions: Predictions) -> AsyncIterator[bytes]:
    """Yields the output and those that follow it, a line each; other requests come in between."""
    try:
        while output is not None:
            yield line(output)
            output = await predictions.call(next, outputs, None)
    except HTTPException as error:
        yield line({"error": error.detail})
    except Exception as error:
        yield line({"error": fault(error)})


def line(output: JsonDict) -> bytes:
    return bytes(StrictJSONResponse(output).body) + b"\n"
