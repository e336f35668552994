"""What the server says of itself: `/openapi.json`, and `/docs`, which shows it as a page."""

import json
import shlex
from html import escape
from typing import Any, Optional, Sequence, Union

from allennlp.common.util import JsonDict
from allennlp.predictors import Predictor
from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse

from bert_classification.predictor import BertPredictor

ERROR = {"type": "object", "properties": {"error": {"type": "string"}}, "required": ["error"]}

REFUSALS: dict[Union[int, str], dict[str, Any]] = {
    status: {"description": sentence, "content": {"application/json": {"schema": ERROR}}}
    for status, sentence in {
        400: "No JSON, or no record.",
        401: "The server's token is missing.",
        408: "The body did not come in time.",
        413: "The body is too large, or has too many records.",
        415: "The content type is not application/json.",
        422: "A key is missing, or its value is not what the task expects.",
        500: "The server failed; the id is in its log.",
        503: "Too many requests; `retry-after` says when to try again.",
        504: "No answer in time.",
    }.items()
}
"""What every route that runs the model may answer beside its 200."""


def _object(**properties: JsonDict) -> JsonDict:
    return {"type": "object", "properties": properties}


def _array(items: JsonDict) -> JsonDict:
    return {"type": "array", "items": items}


TEXT, WHOLE, NUMBER = {"type": "string"}, {"type": "integer"}, {"type": "number"}
SPAN = {"key": TEXT, "choice": WHOLE, "text": TEXT, "start": WHOLE, "end": WHOLE}
ATTACKED = {
    "prediction": _object(),
    "final": _object(),
    "changed": {"type": "boolean"},
    "texts": _array(_object(key=TEXT, choice=WHOLE, text=TEXT)),
}

EXPLANATIONS: dict[str, tuple[str, str, JsonDict]] = {
    "/saliency": (
        "How much each word of a record counts for the answer.",
        "Shares whose sum is 1, by integrated gradients.",
        _array(_object(**SPAN, score=NUMBER)),
    ),
    "/attack/hotflip": (
        "Which words, exchanged for others, would change the answer.",
        "JSON lines: the result so far before the first and after each of five exchanges at most; "
        "the last is the result. `changed` tells whether another answer was reached, `final` is "
        "the prediction of the changed `texts`; a flip has characters of the text as it was "
        "before that flip.",
        _object(**ATTACKED, flips=_array(_object(**SPAN, replacement=TEXT, confidence=NUMBER))),
    ),
    "/attack/input-reduction": (
        "Which words can be left out while the answer stays.",
        "JSON lines: the result so far after each batch of trials; the last is the result. "
        "`removed_spans` has characters of the texts as they were sent, `kept` the words that are "
        "left.",
        _object(
            **ATTACKED,
            removed=_array(TEXT),
            removed_spans=_array(_object(**SPAN)),
            kept=_array(TEXT),
        ),
    ),
    "/attention": (
        "How much each word piece looks at each other one, in every layer and head.",
        "A row for each window or choice, of up to 128 word pieces. `weights` are bytes in base64, "
        "of an array of the shape (layers, heads, pieces, pieces): how much the third looks at "
        "the fourth, in parts of 255.",
        _object(layers=WHOLE, heads=WHOLE, rows=_array(_object(pieces=_array(TEXT), weights=TEXT))),
    ),
    "/nearest": (
        "Which of the training examples that the archive keeps are nearest to a record.",
        "Five at most, the nearest first, by the cosine of the vectors that the head reads. Of a "
        "long text `record` has the begin.",
        _array(_object(record=_object(), location=TEXT, similarity=NUMBER)),
    ),
}
"""What each route that explains an answer does, what it gives, and the schema of that."""

COMPARISONS: dict[str, tuple[str, JsonDict, JsonDict, JsonDict]] = {
    "/embed": (
        "The vectors of texts, in their order.",
        {"texts": ["The soup was cold.", "It rained."]},
        _object(texts=_array(TEXT)),
        _object(embeddings=_array(_array(NUMBER))),
    ),
    "/similarity": (
        "How near each text is to each other one: the cosines of their vectors.",
        {"texts": ["The soup was cold.", "It rained."]},
        _object(texts=_array(TEXT)),
        _object(similarities=_array(_array(NUMBER))),
    ),
    "/rank": (
        "Documents, the one that fits a query best first; with `top_k` so many of them.",
        {"query": "Was it warm?", "documents": ["The soup was cold.", "It rained."], "top_k": 1},
        _object(query=TEXT, documents=_array(TEXT), top_k=WHOLE),
        _object(ranking=_array(_object(index=WHOLE, score=NUMBER, document=TEXT))),
    ),
}
"""What each route that compares texts gives, an example, and the schemas of request and answer."""

PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif }}
body {{ max-width: 50rem; margin: 2rem auto; padding: 0 1rem }}
pre {{ overflow: auto; padding: .7rem; border: 1px solid; border-radius: .3rem }}
</style>
<h1>{title}</h1>
<p>{description}</p>
<p><a href="openapi.json">openapi.json</a></p>
{operations}
"""

CONTENT_SECURITY_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def describe(predictor: Predictor, answer: Optional[JsonDict]) -> tuple[JsonDict, JsonDict]:
    """
    Makes what OpenAPI says of `/predict` and `/predict_batch`, by the predictor's example and the
    answer to it; without them, any object.
    """
    example = getattr(predictor, "example", None)
    record = request_schema(predictor)
    output = schema_of(answer or {})
    output.setdefault("properties", {})["error"] = {"type": "string"}
    return (
        _operation(record, example, output, answer),
        _operation(
            {"type": "array", "items": record},
            [example],
            {"type": "array", "items": output},
            [answer],
        ),
    )


def record_schema(predictor: Predictor) -> JsonDict:
    """Makes a JSON schema of the predictor's records."""
    example = getattr(predictor, "example", None)
    schema = schema_of(example or {})
    if example and isinstance(predictor, BertPredictor):
        schema["required"] = required_keys(predictor, example)
    return schema


def request_schema(predictor: Predictor) -> JsonDict:
    """Makes a JSON schema of what `/predict` takes: a record, with the settings it may have."""
    schema = record_schema(predictor)
    if isinstance(predictor, BertPredictor):
        schema["properties"].update(predictor.settings)
    return schema


def request_body(schema: JsonDict, example: Any) -> JsonDict:
    """Describes a request that brings JSON, for OpenAPI."""
    content = {"application/json": {"schema": schema, "example": example}}
    return {"requestBody": {"required": True, "content": content}}


def describe_explanation(
    predictor: Predictor, path: str, media_type: str = "application/json"
) -> JsonDict:
    """Makes what FastAPI is told of a route of `EXPLANATIONS`."""
    summary, given, schema = EXPLANATIONS[path]
    answered = {"description": given, "content": {media_type: {"schema": schema}}}
    request = request_body(record_schema(predictor), getattr(predictor, "example", None))
    return {"summary": summary, "openapi_extra": {**request, "responses": {"200": answered}}}


def describe_route(path: str) -> JsonDict:
    """Makes what FastAPI is told of a route of `COMPARISONS`."""
    summary, example, schema, answer = COMPARISONS[path]
    required = [key for key in schema["properties"] if key != "top_k"]
    content = {"application/json": {"schema": answer}}
    request = request_body({**schema, "required": required}, example)
    responses = {"200": {"description": summary, "content": content}}
    return {"summary": summary, "openapi_extra": {**request, "responses": responses}}


def required_keys(predictor: BertPredictor, example: JsonDict) -> list[str]:
    """Finds the keys without which the example would be none."""
    shortened = [{name: value for name, value in example.items() if name != key} for key in example]
    results = predictor.instances_or_errors(shortened)
    return [key for key, result in zip(example, results) if isinstance(result, Exception)]


def schema_of(value: Any) -> JsonDict:
    """Makes a JSON schema that a value like this one fits."""
    if isinstance(value, dict):
        properties = {key: schema_of(each) for key, each in value.items()}
        return {"type": "object", "properties": properties}
    if isinstance(value, list):
        return {"type": "array", "items": schema_of(value[0]) if value else {}}
    if isinstance(value, float):
        # One that is not finite is null.
        return {"type": ["number", "null"]}
    names: dict[type, str] = {str: "string", bool: "boolean", int: "integer"}
    return {"type": names[type(value)]} if type(value) in names else {}


def _operation(request: JsonDict, example: Any, answer: JsonDict, answer_example: Any) -> JsonDict:
    answered = {"application/json": {"schema": answer, "example": answer_example}}
    return {
        **request_body(request, example),
        "responses": {"200": {"description": "The prediction.", "content": answered}},
    }


def add_docs(app: FastAPI) -> None:
    """Adds `GET /docs`; FastAPI's own loads its scripts from elsewhere."""

    @app.get("/docs", include_in_schema=False)
    async def docs(request: Request) -> HTMLResponse:
        page = render(app.openapi(), str(request.base_url))
        return HTMLResponse(page, headers={"content-security-policy": CONTENT_SECURITY_POLICY})


def render(description: JsonDict, base_url: str) -> str:
    """Shows an OpenAPI description as a page that loads nothing."""
    operations = [
        _render_operation(f"{base_url.rstrip('/')}{path}", path, method, operation)
        for path, methods in description["paths"].items()
        for method, operation in methods.items()
    ]
    info = description["info"]
    return PAGE.format(
        title=escape(info["title"]),
        description=escape(info.get("description", "")),
        operations="\n".join(operations),
    )


def _render_operation(url: str, path: str, method: str, operation: JsonDict) -> str:
    parts = [
        f"<h2>{escape(method.upper())} {escape(path)}</h2>",
        f"<p>{escape(operation.get('summary', ''))}</p>",
    ]
    if body := operation.get("requestBody"):
        example = json.dumps(_content(body).get("example"), ensure_ascii=False)
        parts += _block("Example", f"curl {url} -d {shlex.quote(example)}")
        parts += _block("Expects", _pretty(_content(body).get("schema")))
    for status, answer in operation.get("responses", {}).items():
        parts += [f"<p><b>{escape(status)}</b> {escape(answer['description'])}</p>"]
        content = _content(answer)
        if shown := content.get("example"):
            parts += [f"<pre>{escape(_pretty(shown))}</pre>"]
        elif status == "200" and content.get("schema"):
            parts += _block("Gives", _pretty(content["schema"]))
    return "\n".join(parts)


def _content(body: JsonDict) -> JsonDict:
    return next(iter(body.get("content", {}).values()), {})


def _block(name: str, text: str) -> Sequence[str]:
    return f"<p>{escape(name)}</p>", f"<pre>{escape(text)}</pre>"


def _pretty(value: Any) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False)
