"""Two predictors of one question answering model have settings of their own."""

from typing import Any, Callable

import pytest
from allennlp.models import Archive, load_archive
from allennlp.predictors import Predictor

from tests.support import FIXTURES

NAME = "bert_for_question_answering"
ARCHIVE = FIXTURES / "archives" / "question_answering.tar.gz"
RECORDS = [
    {"question": "Who wrote the letter?", "context": "Anna wrote the letter. Tom read it at noon."},
    {"question": "When was it read?", "context": "Anna wrote the letter. Tom read it at noon."},
]


@pytest.fixture(scope="module")
def archive() -> Archive:
    return load_archive(ARCHIVE)


def predictor(archive: Archive, **settings: Any) -> Predictor:
    reader = archive.validation_dataset_reader
    return Predictor.by_name(NAME)(archive.model, reader, **settings)


def count_answers(made: Predictor) -> list[int]:
    return [len(output["n_best"]) for output in made.predict_batch_json(RECORDS)]


def test_each_gives_as_many_answers_as_it_was_told(archive: Archive) -> None:
    of_model = archive.model.n_best
    # "No answer" would be one more.
    options = {"handle_impossible_answer": False}
    few, more = (predictor(archive, n_best=count, **options) for count in (2, 5))
    plain = predictor(archive, **options)
    for _ in range(2):
        assert count_answers(few) == [2, 2]
        assert count_answers(more) == [5, 5]
        assert all(count > 5 for count in count_answers(plain))
    assert archive.model.n_best == of_model


@pytest.mark.parametrize(
    "settings, look",
    [
        ({"max_answer_length": 1}, lambda output: max(map(len_of, output["n_best"])) <= 12),
        (
            {"handle_impossible_answer": True},
            lambda output: "" in [each["answer"] for each in output["n_best"]],
        ),
        (
            {"handle_impossible_answer": True, "null_score_diff_threshold": -1e9},
            lambda output: output["answer"] == "",
        ),
    ],
    ids=["length", "impossible", "threshold"],
)
def test_no_setting_reaches_the_other_one(
    archive: Archive, settings: dict[str, Any], look: Callable[[Any], bool]
) -> None:
    plain = predictor(archive, handle_impossible_answer=False)
    before = plain.predict_batch_json(RECORDS)
    changed = predictor(archive, **settings).predict_batch_json(RECORDS)
    assert all(map(look, changed)) and not any(map(look, before))
    assert plain.predict_batch_json(RECORDS) == before


def test_they_share_the_weights(archive: Archive) -> None:
    one, other = predictor(archive, n_best=2), predictor(archive)
    pairs = zip(one._model.parameters(), other._model.parameters(), strict=True)
    assert all(own is theirs for own, theirs in pairs)


def len_of(answer: dict[str, Any]) -> int:
    return len(answer["answer"])
