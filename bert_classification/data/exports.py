"""
What annotation tools export, as records of ours: doccano, Label Studio, Prodigy, spaCy. Each is
told by its keys; spans become `entities`, of `start`, `end` and `type`, and choices `label`.
"""

from typing import Any, Callable, Iterator, Mapping, NamedTuple, Optional

from bert_classification.data.annotated_documents import values_of_doc
from bert_classification.data.json_values import describe
from bert_classification.data.records import Record, RecordError
from bert_classification.data.values import name_keys


class Unlabelled(dict):
    """The values of a record that nobody has labelled, or whose labels were not accepted."""


class Tool(NamedTuple):
    """
    fits : whether a record has the tool's keys.
    convert : its values as those of records of ours.
    expected : what its records have, for messages.
    """

    fits: Callable[[Mapping[str, Any]], bool]
    convert: Callable[[Mapping[str, Any]], Iterator[dict[str, Any]]]
    expected: str


def from_tool(record: Record, format: Optional[str] = None) -> Iterator[Record]:
    """
    Yields the records in one of a tool's export; any other record as it is.

    # Parameters

    record : `Record`
    format : `str`, optional
        The tool; by default the keys of the record say it.
    """
    if record.error is not None:
        yield record
        return
    tools = [TOOLS[format]] if format in TOOLS else TOOLS.values()
    tool = next((tool for tool in tools if tool.fits(record.values)), None)
    if tool is not None:
        try:
            yield from [record._replace(values=values) for values in tool.convert(record.values)]
        except RecordError as error:
            yield record._replace(error=RecordError(f"{record.location}: {error}"))
    elif format in TOOLS and not is_ours(record.values):
        reason = f"{record.location}: no record of {format}, which has {TOOLS[format].expected}; "
        found = f"this one has {name_keys(record.values)}."
        yield record._replace(error=RecordError(reason + found))
    else:
        yield record


def is_ours(values: Mapping[str, Any]) -> bool:
    """Tells whether a record of a tool is one of ours as it stands, as of texts with one label."""
    return "text" in values


def _is_label_studio(values: Mapping[str, Any]) -> bool:
    return isinstance(values.get("data"), dict) and bool(
        values.keys() & {"annotations", "completions", "predictions"}
    )


def _from_label_studio(values: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Takes the newest annotation that was not skipped; predictions are none."""
    data = dict(values["data"])
    texts = [value for value in data.values() if isinstance(value, str)]
    if "text" not in data and len(texts) == 1:
        data["text"] = texts[0]
    data.update({"id": values["id"]} if "id" in values else {})
    annotations = [
        each
        for each in _list_of(values, "annotations", "completions")
        if not (each.get("was_cancelled") or each.get("skipped"))
    ]
    if not annotations:
        yield Unlabelled(data)
        return
    # Of several with one date the last is the newest.
    newest = max(enumerate(annotations), key=lambda each: (str(each[1].get("created_at")), each[0]))
    yield _in_characters({**data, **_label_studio_gold(_list_of(newest[1], "result"))})


def _in_characters(values: dict[str, Any]) -> dict[str, Any]:
    for span in values.get("entities", ()) if isinstance(values.get("text"), str) else ():
        _count_characters(span, values["text"])
    return values


def _count_characters(span: dict[str, Any], text: str) -> None:
    """
    Counts a span in characters where its text is found at those units of UTF-16 alone, which
    JavaScript counts: two for most emoji (HumanSignal/label-studio, issue 1347).
    """
    start, end, expected = span["start"], span["end"], span.get("text")
    if type(start) is not int or type(end) is not int or text[start:end] == expected:
        return
    units = text.encode("utf-16-le", "surrogatepass")
    before, inside = (
        part.decode("utf-16-le", "replace")
        for part in (units[: 2 * start], units[2 * start : 2 * end])
    )
    if inside == expected:
        span.update(start=len(before), end=len(before) + len(inside))


def _label_studio_gold(results: list[dict[str, Any]]) -> dict[str, Any]:
    found: dict[str, list[Any]] = {"choices": [], "text": [], "rating": [], "number": []}
    spans = []
    for result in results:
        value = result.get("value")
        if not isinstance(value, dict):
            continue
        for key, kept in found.items():
            if result.get("type") == {"text": "textarea"}.get(key, key) and key in value:
                kept.extend(value[key] if isinstance(value[key], list) else [value[key]])
        spans.extend([value] if "start" in value else [])
    gold: dict[str, Any] = {}
    numbers = found["rating"] or found["number"]
    if found["choices"] or numbers:
        gold["label"] = found["choices"] or numbers[0]
    if found["text"]:
        gold["target"] = found["text"][0]
    if spans or not gold:
        gold["entities"] = [_span(each) for each in spans]
    return gold


def _is_prodigy(values: Mapping[str, Any]) -> bool:
    return values.get("answer") in ("accept", "reject", "ignore") and bool(
        values.keys() & {"_input_hash", "_task_hash", "spans", "options"}
    )


def _from_prodigy(values: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Takes what was accepted."""
    gold_keys = ("spans", "label", "options", "accept", "answer", "tokens")
    kept = {
        key: value
        for key, value in values.items()
        if key not in gold_keys and not key.startswith("_")
    }
    if values["answer"] != "accept":
        yield Unlabelled(kept)
        return
    for key in ("tokens", "label"):
        if key in values:
            kept[key] = values[key]
    if "accept" in values:
        kept["label"] = values["accept"]
    if "spans" in values:
        kept["entities"] = [_span(each) for each in values["spans"] or ()]
    yield kept


def _is_spacy(values: Mapping[str, Any]) -> bool:
    """Of `Doc.to_json`, or of the training format of spaCy 2."""
    paragraphs = values.get("paragraphs")
    if isinstance(paragraphs, list) and paragraphs and isinstance(paragraphs[0], dict):
        return "sentences" in paragraphs[0]
    entities = values.get("entities")
    in_lists = isinstance(entities, list) and any(isinstance(each, list) for each in entities)
    return "text" in values and ("ents" in values or in_lists)


def _from_spacy(values: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    if "paragraphs" in values:
        from spacy.training.converters import json_to_docs

        try:
            docs = list(json_to_docs([dict(values)]))
        except Exception as error:
            raise RecordError(f"not what spaCy reads ({type(error).__name__}: {error}).") from error
        yield from map(values_of_doc, docs)
        return
    kept = {key: value for key, value in values.items() if key not in ("ents", "cats", "sents")}
    kept["entities"] = [_span(each) for each in values.get("ents") or values.get("entities") or ()]
    if isinstance(values.get("cats"), dict) and values["cats"]:
        kept["label"] = [name for name, score in values["cats"].items() if score >= 0.5]
    yield kept


def _is_doccano(values: Mapping[str, Any]) -> bool:
    if not isinstance(values.get("text", values.get("data")), str):
        return False
    return (
        "data" in values
        and "label" in values
        or any(
            _are_spans(values.get(key)) for key in ("label", "labels", "entities", "annotations")
        )
    )


def _are_spans(items: Any) -> bool:
    """Whether there are spans in lists, by the names of doccano, or of Label Studio's JSON-MIN."""
    return isinstance(items, list) and any(
        isinstance(each, list)
        and len(each) == 3
        or isinstance(each, dict)
        and ("start_offset" in each or {"start", "labels"} <= each.keys())
        for each in items
    )


def _from_doccano(values: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    kept = {"text": values.get("text", values.get("data")), **values}
    key = next((k for k in ("label", "labels", "entities", "annotations") if k in kept), "label")
    labels = kept.get(key)
    if _are_spans(labels):
        del kept[key]
        kept["entities"] = [_span(each) for each in labels]  # type: ignore[union-attr]
    yield _in_characters(kept)


def _span(item: Any) -> dict[str, Any]:
    """Makes a span of ours of any tool's."""
    if isinstance(item, list) and len(item) == 3:
        return dict(zip(("start", "end", "type"), item))
    if not isinstance(item, dict):
        raise RecordError(f"expected a span with start, end and label, got {describe(item)}.")
    kinds = item.get("type", item.get("label", item.get("labels", item.get("hypertextlabels"))))
    text = {"text": item["text"]} if isinstance(item.get("text"), str) else {}
    return {
        "start": item.get("start", item.get("start_offset")),
        "end": item.get("end", item.get("end_offset")),
        "type": kinds[0] if isinstance(kinds, list) and len(kinds) == 1 else kinds,
        **text,
    }


def _list_of(values: Mapping[str, Any], *keys: str) -> list[dict[str, Any]]:
    found: Any = next((values[key] for key in keys if values.get(key) is not None), [])
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise RecordError(f"`{keys[0]}`: expected a list of objects, got {describe(found)}.")
    return found


TOOLS = {
    "label_studio": Tool(_is_label_studio, _from_label_studio, "`data` and `annotations`"),
    "prodigy": Tool(_is_prodigy, _from_prodigy, "`text`, `answer`, and `spans` or `label`"),
    "spacy": Tool(_is_spacy, _from_spacy, "`text` and `entities`, or `paragraphs`"),
    "doccano": Tool(_is_doccano, _from_doccano, "`text` and `label`, or `entities`"),
}
"""The tools whose exports are JSON, told apart in this order."""
