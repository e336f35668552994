"""The page of `allennlp serve`, one for each task, and what it asks the server for."""

import inspect
from pathlib import Path
from typing import Any, Optional, Sequence

from allennlp.common.util import JsonDict
from allennlp.predictors import Predictor
from fastapi import FastAPI, Request
from fastapi.responses import FileResponse, Response, StreamingResponse
from fastapi.staticfiles import StaticFiles
from starlette.types import Scope

from bert_classification.predictor import BertPredictor
from bert_classification.serving.description import REFUSALS, record_schema, request_body
from bert_classification.serving.explanations import add_explanations, kinds_of_explanations
from bert_classification.serving.lines import answer_lines
from bert_classification.serving.predictions import Predictions
from bert_classification.serving.responses import StrictJSONResponse

STATIC = Path(__file__).parent / "static"
HEADERS = {"Cache-Control": "no-cache"}

STATIC_DIR_HEADERS = {
    # The pages of others may load what ours do not.
    "Content-Security-Policy": "object-src 'none'; base-uri 'self'",
}


class Files(StaticFiles):
    """The files of a directory, with headers."""

    def __init__(self, directory: Path, headers: dict[str, str], html: bool = False) -> None:
        super().__init__(directory=directory, html=html)
        self._headers = headers

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers.update(self._headers)
        return response


def add_pages(
    app: FastAPI,
    predictor: Predictor,
    predictions: Predictions,
    title: str,
    field_names: Sequence[str] = (),
    static_dir: Optional[str] = None,
) -> None:
    """
    Adds to an application `GET /`, the page; `GET /about`, what the page has to know; and, where
    the task, or for `/nearest` the archive, has them, `POST /saliency`, `/attack/hotflip`,
    `/attack/input-reduction`, `/attention`, `/nearest` and `/stream`. It is the last to add routes:
    with `static_dir` every other path is a file.

    # Parameters

    app : `FastAPI`
        It has `POST /predict`.
    predictor : `Predictor`
        Any predictor; one that is not ours has a page with the fields `field_names`, or, without
        names, one for the record as JSON.
    predictions : `Predictions`
        It reads the records, and calls functions where the model may be used.
    title : `str`
        The heading of the page.
    field_names : `Sequence[str]`, optional
        The keys that the predictor takes.
    static_dir : `str`, optional
        A directory with an `index.html` in the place of our page; other files of it are served
        under their names.
    """
    about = about_page(predictor, title, field_names)

    @app.get("/about")
    async def get_about() -> StrictJSONResponse:
        """Tells what is served: the task, an example, its labels, and what else there is."""
        return StrictJSONResponse(about)

    add_explanations(app, about, predictor, predictions)
    if about["stream"]:
        add_stream(app, predictor, predictions)
    if static_dir is not None:
        app.mount("/", Files(Path(static_dir), STATIC_DIR_HEADERS, html=True))
        return

    @app.get("/", include_in_schema=False)
    async def index() -> Response:
        return FileResponse(STATIC / "index.html", headers=HEADERS)

    if about["task"]:

        @app.get(f"/static/tasks/{about['task']}.js", include_in_schema=False)
        async def page() -> Response:
            return FileResponse(page_script(predictor), headers=HEADERS)

    app.mount("/static", Files(STATIC, HEADERS))


def about_page(predictor: Predictor, title: str, field_names: Sequence[str]) -> JsonDict:
    """Makes the answer of `GET /about`."""
    about = {
        "title": title,
        "task": None,
        "example": dict.fromkeys(field_names, ""),
        "fields": list(field_names),
        "labels": [],
        "saliency": False,
        "attack": False,
        "attention": False,
        "nearest": False,
        "stream": False,
    }
    if isinstance(predictor, BertPredictor):
        about.update(
            task=task_of(predictor),
            example=predictor.example,
            fields=list(predictor.input_keys),
            labels=list(predictor.labels),
            **kinds_of_explanations(predictor),
            stream=hasattr(predictor, "stream_json"),
        )
    return about


def task_of(predictor: BertPredictor) -> Optional[str]:
    """Names the task, by its model, where there is a page for it."""
    name = (predictor._model.default_predictor or "").removeprefix("bert_for_")
    return name if page_script(predictor).exists() else None


def page_script(predictor: Predictor) -> Path:
    """Finds what a page shows of a task: `page.js` beside the predictor."""
    return Path(inspect.getfile(type(predictor))).with_name("page.js")


def add_stream(app: FastAPI, predictor: Any, predictions: Predictions) -> None:
    request = request_body(record_schema(predictor), predictor.example)

    @app.post(
        "/stream", response_class=StreamingResponse, responses=REFUSALS, openapi_extra=request
    )
    async def stream(request: Request) -> StreamingResponse:
        """
        Gives a continuation as it is written: JSON lines `{"continuation": ...}`, each with the
        text so far, and a last one with the output of `/predict`, or with `{"error": ...}`. A
        client that goes away stops it.
        """
        return await answer_lines(predictor.stream_json, request, predictions)
