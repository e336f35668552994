"""Records for predictors of others, AllenNLP's own for example, each with an answer of its own."""

from typing import Any, Sequence, Union

from allennlp.common.util import JsonDict
from allennlp.predictors import Predictor

from bert_classification.data.records import RecordError, expect_object
from bert_classification.data.values import name_keys


class MissingKeyError(RecordError, KeyError):
    """A record lacks a key that the predictor asks for."""


class AskedRecord(dict):
    """A record that names the key which a predictor misses in it."""

    def __missing__(self, key: str) -> Any:
        raise MissingKeyError(f"no key `{key}`; the record has {name_keys(self)}.")


def predict_records(
    predictor: Predictor, records: Sequence[Any]
) -> list[Union[JsonDict, Exception]]:
    """
    Calls `predict_batch_json`; after a failure the halves are tried, down to the record that fails,
    in whose place the exception stands: `RecordError` where it is no object, or lacks a key.
    """
    if not records:
        return []
    try:
        asked: list[JsonDict] = [
            AskedRecord(expect_object(record, "the record")) for record in records
        ]
        return list(predictor.predict_batch_json(asked))
    except Exception as error:
        if len(records) == 1:
            return [error]
    half = len(records) // 2
    return predict_records(predictor, records[:half]) + predict_records(predictor, records[half:])
