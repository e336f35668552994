"""The HTTP application of `allennlp serve`."""

import asyncio
from contextlib import asynccontextmanager
from typing import Any, AsyncIterator, Callable, Optional, Sequence

from allennlp.predictors import Predictor
from fastapi import FastAPI, Request, Response
from fastapi.middleware.cors import CORSMiddleware
from fastapi.staticfiles import StaticFiles
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from bert_classification.serving.answer import Answer
from bert_classification.serving.batching import ModelThread, Overloaded
from bert_classification.serving.description import add_description
from bert_classification.serving.gate import Gate
from bert_classification.serving.metrics import Metrics
from bert_classification.serving.predictions import Predictions
from bert_classification.serving.settings import Settings

ERRORS: dict[type[Exception], tuple[int, str, dict[str, str]]] = {
    Overloaded: (503, "too many requests (`--max-queue`); try again.", {"retry-after": "1"}),
    TimeoutError: (504, "no answer in time (`--timeout`).", {}),
    # nginx's status for it; only `/metrics` shows it.
    ClientDisconnect: (499, "the client is gone.", {}),
}


def make_app(
    predictor: Predictor,
    settings: Settings = Settings(),
    title: str = "AllenNLP",
    field_names: Sequence[str] = (),
    static_dir: Optional[str] = None,
    root_path: str = "",
    cors_origins: Sequence[str] = (),
    token: Optional[str] = None,
    log_inputs: bool = False,
) -> FastAPI:
    """
    `POST /predict` takes one record, `POST /predict_batch` a list. Every answer is strictly valid
    JSON; what is wrong with a request is answered by 4xx and `{"error": ...}`.
    """
    metrics = Metrics()
    model = ModelThread(predictor, settings, metrics)
    predictions = Predictions(predictor, model, settings, log_inputs)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(each) for each in (model.run(), predictions.warm_up())]
        yield
        for task in tasks:
            task.cancel()

    app = FastAPI(
        title=title, lifespan=lifespan, root_path=root_path, docs_url=None, redoc_url=None
    )
    app.add_middleware(Gate, metrics=metrics, token=token)
    if cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=cors_origins,
            allow_methods=["GET", "POST"],
            allow_headers=["authorization", "content-type"],
        )
    app.add_exception_handler(HTTPException, _answer_refusal)
    for error in ERRORS:
        app.add_exception_handler(error, _answer_error)

    @app.get("/health", summary="The server is alive.")
    async def health() -> Answer:
        return Answer({"status": "ok"})

    @app.get("/ready", summary="The model is loaded and has run once.")
    async def ready() -> Answer:
        if predictions.example_answer is None:
            return Answer({"error": "the model has not run yet."}, 503)
        return Answer({"status": "ready"})

    @app.get("/metrics", summary="Figures for Prometheus.")
    async def figures() -> Response:
        return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)

    app.post("/predict", summary="One record.")(predictions.predict)
    app.post("/predict_batch", summary="A list of records.")(predictions.predict_batch)
    add_description(app, predictions)

    async def run(function: Callable[..., Any], *args: Any) -> Any:
        """What a function gives in the model's thread, beside the batches and within the limits."""
        async with model.place():
            return await model.call(function, *args)

    # The pages take `run`, `title` and `field_names`.
    if static_dir is not None:
        app.mount("/", StaticFiles(directory=static_dir, html=True))
    return app


def _answer_refusal(_: Request, error: Any) -> Answer:
    return Answer({"error": error.detail}, error.status_code, error.headers)


def _answer_error(_: Request, error: Exception) -> Answer:
    status, sentence, headers = ERRORS[type(error)]
    return Answer({"error": sentence}, status, headers)
