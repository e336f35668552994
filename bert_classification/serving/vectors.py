"""The routes of models that compare texts: vectors, similarities, documents ranked for a query."""

from typing import Any, NamedTuple, Optional

from allennlp.common.util import JsonDict
from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException

from bert_classification.bert.pooling import cosines
from bert_classification.data.json_values import describe
from bert_classification.data.records import RecordError
from bert_classification.data.values import get_text
from bert_classification.predictor import BertPredictor
from bert_classification.reader import BertReader
from bert_classification.serving.description import REFUSALS, describe_route
from bert_classification.serving.lines import refuse_records
from bert_classification.serving.predictions import Predictions
from bert_classification.serving.responses import StrictJSONResponse


class Asked(NamedTuple):
    """
    What a request asks for: `texts` by the names that they have in messages, the `records` that are
    predicted, a name for each, and how many documents are to be ranked.
    """

    texts: dict[str, str]
    records: list[JsonDict]
    top_k: Optional[int] = None


def add_vectors(
    app: FastAPI, predictor: Any, predictions: Predictions, max_batch_records: int
) -> None:
    """
    Adds to an application what the predictor can do: `POST /embed` and `/similarity` where it has
    vectors of texts, and `POST /rank`. A request has at most `max_batch_records` texts.
    """
    ours = isinstance(predictor, BertPredictor)
    # Readers of others may take no text beside the first.
    if not ours or not isinstance(predictor._dataset_reader, BertReader):
        return
    if predictor.can_embed:
        add_comparisons(app, predictions, max_batch_records)
    if predictor.can_rank:
        add_rank(app, predictor, predictions, max_batch_records)


def add_comparisons(app: FastAPI, predictions: Predictions, limit: int) -> None:
    def read(value: Any) -> Asked:
        texts = read_texts(value, "texts", limit)
        return Asked(texts, [{"text": text} for text in texts.values()])

    @app.post("/embed", responses=REFUSALS, **describe_route("/embed"))
    async def embed(request: Request) -> StrictJSONResponse:
        _, outputs = await answer(predictions, request, read)
        return StrictJSONResponse({"embeddings": [output["embedding"] for output in outputs]})

    @app.post("/similarity", responses=REFUSALS, **describe_route("/similarity"))
    async def similarity(request: Request) -> StrictJSONResponse:
        _, outputs = await answer(predictions, request, read)
        found = cosines([output["embedding"] for output in outputs])
        return StrictJSONResponse({"similarities": found.tolist()})


def add_rank(app: FastAPI, predictor: BertPredictor, predictions: Predictions, limit: int) -> None:
    def read(value: Any) -> Asked:
        documents = read_texts(value, "documents", limit)
        query = get_text(value, "query")
        records = predictor.ranking_records(query, list(documents.values()))
        return Asked(documents, records, read_top_k(value))

    @app.post("/rank", responses=REFUSALS, **describe_route("/rank"))
    async def rank(request: Request) -> StrictJSONResponse:
        asked, outputs = await answer(predictions, request, read)
        scores = predictor.ranking_scores(outputs)
        documents = list(asked.texts.values())
        best = sorted(range(len(scores)), key=lambda index: -scores[index])[: asked.top_k]
        ranking = [
            {"index": index, "score": scores[index], "document": documents[index]} for index in best
        ]
        return StrictJSONResponse({"ranking": ranking})


async def answer(
    predictions: Predictions, request: Request, read: Any
) -> tuple[Asked, list[JsonDict]]:
    """
    Gives what a request asks for, and the outputs for its records. `HTTPException` (422) for the
    first text that has none.
    """
    asked: list[Asked] = []

    def check(value: Any) -> list[JsonDict]:
        if not isinstance(value, dict):
            raise HTTPException(400, f"expected a JSON object, got {describe(value)}.")
        asked.append(read(value))
        return asked[0].records

    with refuse_records():
        outcomes = [outcome for _, outcome in await predictions.outcomes(request, check)]
    names = list(asked[0].texts)
    # Of a query that has a record of its own.
    names = ["query"] * (len(outcomes) - len(names)) + names
    for name, outcome in zip(names, outcomes):
        if isinstance(outcome, RecordError):
            raise HTTPException(422, f"`{name}`: {outcome}")
        if isinstance(outcome, Exception):
            raise outcome
    return asked[0], outcomes  # type: ignore[return-value]


def read_texts(value: JsonDict, key: str, limit: int) -> dict[str, str]:
    """
    Reads the texts under a key, by their names in messages.

    # Raises

    `RecordError` for no list of texts, or an empty one; `HTTPException` (413) for too many.
    """
    texts = value.get(key)
    if not isinstance(texts, list) or not texts:
        raise RecordError(
            f"`{key}`: expected a list of texts, at least one, got {describe(texts)}."
        )
    if len(texts) > limit:
        raise HTTPException(
            413,
            f"`{key}`: {len(texts)} texts, more than the {limit} of `--max-batch-records`; send "
            "them in several requests.",
        )
    named = {f"{key}[{index}]": text for index, text in enumerate(texts)}
    return {name: get_text(named, name) for name in named}


def read_top_k(value: JsonDict) -> Optional[int]:
    top_k = value.get("top_k")
    if top_k is not None and (type(top_k) is not int or top_k < 1):
        raise RecordError(f"`top_k`: expected a whole number of at least 1, got {describe(top_k)}.")
    return top_k
