"""Two predictors of one token classification model have settings of their own."""

from typing import Any

import pytest
from allennlp.common.checks import ConfigurationError
from allennlp.models import Archive, load_archive
from allennlp.predictors import Predictor

from tests.support import FIXTURES

NAME = "bert_for_token_classification"
ARCHIVE = FIXTURES / "archives" / "token_classification.tar.gz"
RECORDS = [
    {"text": "Last summer Wilhelmina Lopez-Qvist moved from Lisbon to Kaiserslautern."},
    {"tokens": ["Unforgettable", "Stockholm", "Xylophonists", "met", "Anna"]},
]
AGGREGATIONS = ("first", "average", "max")


@pytest.fixture(scope="module")
def archive() -> Archive:
    return load_archive(ARCHIVE)


def predictor(archive: Archive, **settings: Any) -> Predictor:
    return Predictor.by_name(NAME)(archive.model, archive.dataset_reader, **settings)


def test_each_aggregates_as_it_was_told(archive: Archive) -> None:
    made = {name: predictor(archive, aggregation=name) for name in AGGREGATIONS}
    alone = {
        name: predictor(load_archive(ARCHIVE), aggregation=name).predict_batch_json(RECORDS)
        for name in AGGREGATIONS
    }
    # Were they all alike, the comparison below would say nothing.
    assert alone["first"] != alone["average"] != alone["max"] != alone["first"]
    for name in [*AGGREGATIONS, *reversed(AGGREGATIONS)]:
        assert made[name].predict_batch_json(RECORDS) == alone[name]


def test_the_model_and_a_plain_predictor_stay_as_they_are(archive: Archive) -> None:
    plain = predictor(archive)
    before = plain.predict_batch_json(RECORDS)
    predictor(archive, aggregation="max").predict_batch_json(RECORDS)
    assert archive.model.aggregation == "first"
    assert plain.predict_batch_json(RECORDS) == before


def test_a_refused_setting_changes_nothing(archive: Archive) -> None:
    with pytest.raises(ConfigurationError, match="`aggregation` is 'mean'"):
        predictor(archive, aggregation="mean")
    assert archive.model.aggregation == "first"


def test_the_scheme_of_one_is_not_that_of_the_other(archive: Archive) -> None:
    made = predictor(archive, output_scheme="BIOES"), predictor(archive)
    schemes, plain = (each.predict_batch_json(RECORDS) for each in made)
    prefixes = {tag[0] for output in schemes for tag in output["tags"]}
    assert prefixes & {"S", "E"}
    assert not {tag[0] for output in plain for tag in output["tags"]} & {"S", "E"}
