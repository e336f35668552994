"""The HTTP application of `allennlp serve`."""

import json
import threading
from typing import Any, Callable, Optional, Sequence

from allennlp.predictors import Predictor
from fastapi import FastAPI, HTTPException, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException as AnyHTTPException

from bert_classification.serving.pages import add_pages


def make_app(
    predictor: Predictor,
    title: str = "AllenNLP",
    field_names: Sequence[str] = (),
    static_dir: Optional[str] = None,
) -> FastAPI:
    """
    `POST /predict` takes one record, `POST /predict_batch` a list, `GET /health` tells that the
    server is alive. Every answer is JSON; a wrong request is answered by 4xx and `{"error": ...}`.
    """
    app = FastAPI(title=title)
    one_at_a_time = threading.Lock()

    def locked(function: Callable[..., Any], *arguments: Any) -> Any:
        with one_at_a_time:
            return function(*arguments)

    async def run(function: Callable[..., Any], *arguments: Any) -> Any:
        return await run_in_threadpool(locked, function, *arguments)

    @app.exception_handler(AnyHTTPException)
    async def as_error(_: Request, error: AnyHTTPException) -> JSONResponse:
        return JSONResponse({"error": error.detail}, error.status_code)

    @app.get("/health")
    async def health() -> Any:
        return {"status": "ok"}

    @app.post("/predict")
    async def predict(request: Request) -> Any:
        record = await read_json(request)
        if not isinstance(record, dict):
            raise HTTPException(
                400, "expected one record, a JSON object; /predict_batch takes a list"
            )
        output = await run(predictor.predict_json, record)
        return JSONResponse(output, 422 if "error" in output else 200)

    @app.post("/predict_batch")
    async def predict_batch(request: Request) -> Any:
        records = await read_json(request)
        if not isinstance(records, list):
            raise HTTPException(400, "expected a list of records; /predict takes a single one")
        return JSONResponse(await run(predictor.predict_batch_json, records))

    add_pages(app, predictor, run, title, field_names, static_dir)
    return app


async def read_json(request: Request) -> Any:
    try:
        return json.loads(await request.body())
    except ValueError as error:
        raise HTTPException(400, f"the body is not valid JSON: {error}") from error
