"""Records for predictors of others, AllenNLP's own for example, each with an answer of its own."""

from typing import Any, Sequence, Union

from allennlp.common.util import JsonDict
from allennlp.predictors import Predictor

from bert_classification.data.outcomes import each_or_error
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
    Calls `predict_batch_json`; in the place of a record that fails the exception stands:
    `RecordError` where it is no object, or lacks a key.
    """

    def predict(some: list[Any]) -> list[JsonDict]:
        asked: list[JsonDict] = [
            AskedRecord(expect_object(record, "the record")) for record in some
        ]
        return predictor.predict_batch_json(asked)

    return each_or_error(list(records), predict)
