"""The HTTP application of `allennlp serve`."""

import asyncio
from concurrent.futures import Executor
from contextlib import asynccontextmanager
from functools import partial
from typing import AsyncIterator, Optional, Sequence

from allennlp.predictors import Predictor
from fastapi import FastAPI, Response
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.exceptions import HTTPException

from bert_classification.serving.batching import ModelThread
from bert_classification.serving.description import REFUSALS, add_docs, describe
from bert_classification.serving.guard import GuardMiddleware, error_response
from bert_classification.serving.label_studio import add_label_studio
from bert_classification.serving.metrics import Metrics
from bert_classification.serving.pages import add_pages
from bert_classification.serving.predictions import Predictions
from bert_classification.serving.responses import HeadersMiddleware, StrictJSONResponse
from bert_classification.serving.settings import Settings
from bert_classification.serving.vectors import add_vectors


def make_app(
    predictor: Predictor,
    *,
    settings: Settings = Settings(),
    title: str = "AllenNLP",
    field_names: Sequence[str] = (),
    static_dir: Optional[str] = None,
    cors_origins: Sequence[str] = (),
    token: Optional[str] = None,
    log_inputs: bool = False,
    thread: Optional[Executor] = None,
    label_studio: bool = False,
) -> FastAPI:
    """
    Makes the application; `thread` runs the model, by default one of its own.

    `POST /predict` takes one record, `POST /predict_batch` a list. With `label_studio` it is an ML
    backend for Label Studio as well; see `add_label_studio`. Every answer is strictly valid
    JSON; what is wrong with a request is answered by 4xx and `{"error": ...}`.
    """
    metrics = Metrics()
    model = ModelThread(predictor, settings, metrics, thread)
    predictions = Predictions(predictor, model, settings, log_inputs, metrics)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        running = asyncio.create_task(model.run())
        yield
        running.cancel()

    app = FastAPI(title=title, lifespan=lifespan, docs_url=None, redoc_url=None)
    app.add_middleware(GuardMiddleware, settings=settings, metrics=metrics, token=token)
    if cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=cors_origins,
            allow_methods=["GET", "POST"],
            allow_headers=["authorization", "content-type"],
        )
    app.add_middleware(HeadersMiddleware)
    app.add_exception_handler(HTTPException, error_response)

    if label_studio:
        add_label_studio(app, predictor, predictions)
    # Predictors of other packages have no example. The first prediction is a slow one.
    example = getattr(predictor, "example", None)
    one, several = describe(predictor, predictor.predict_json(example) if example else None)
    post = partial(app.post, responses=REFUSALS)
    post("/predict", summary="One record.", openapi_extra=one)(predictions.predict)
    post("/predict_batch", summary="A list of records.", openapi_extra=several)(
        predictions.predict_batch
    )

    add_vectors(app, predictor, predictions, settings.max_batch_records)
    add_probes(app, metrics)
    add_docs(app)

    add_pages(app, predictor, predictions, title, field_names, static_dir)
    return app


def add_probes(app: FastAPI, metrics: Metrics) -> None:
    """Adds what orchestrators and Prometheus ask for."""

    @app.get("/health", summary="The server is alive.")
    async def health() -> StrictJSONResponse:
        return StrictJSONResponse({"status": "ok"})

    @app.get("/ready", summary="The model is loaded and has run once.")
    async def ready() -> StrictJSONResponse:
        return StrictJSONResponse({"status": "ready"})

    @app.get("/metrics", summary="Figures for Prometheus.", response_class=PlainTextResponse)
    async def figures() -> Response:
        return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)
