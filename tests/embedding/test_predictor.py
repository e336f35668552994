"""Vectors of records, and their errors."""

import numpy
import pytest
from allennlp.models import load_archive
from allennlp.predictors import Predictor

from tests.embedding.support import TEXTS, make_predictor
from tests.support import assert_close


def test_of_a_pair_there_is_a_similarity() -> None:
    pair = {"text": TEXTS[0], "text_pair": TEXTS[1], "label": 0.4, "id": 1}
    both, one = make_predictor().predict_batch_json([pair, {"text": TEXTS[1]}])
    assert set(both) == {"id", "gold", "embedding", "similarity"} and set(one) == {"embedding"}
    first, second = numpy.array(both["embedding"]), numpy.array(one["embedding"])
    cosine = first @ second / numpy.linalg.norm(first) / numpy.linalg.norm(second)
    assert both["similarity"] == pytest.approx(cosine, abs=1e-5)


def test_a_vector_for_each_piece() -> None:
    predictor = make_predictor(pooling="tokens", normalize=True)
    short, long = predictor.predict_batch_json([{"text": "Why?"}, {"text": TEXTS[1]}])
    assert short["pieces"][0] == "[CLS]" and short["pieces"][-1] == "[SEP]"
    assert len(short["pieces"]) == len(short["embedding"]) < len(long["embedding"])
    assert len(long["pieces"]) == len(long["embedding"])
    assert numpy.linalg.norm(short["embedding"][1]) == pytest.approx(1, abs=1e-5)
    vectors = predictor.vectors_or_errors([{"text": "Why?"}, {"text": TEXTS[1]}])
    assert_close(vectors[0].tolist(), short["embedding"])
    assert not predictor.can_embed and not predictor.can_rank


def test_arrays_are_what_records_give() -> None:
    predictor = make_predictor()
    records = [{"text": text} for text in TEXTS]
    bad = [{"text": " "}, {"text": 5}, {}]
    vectors = predictor.vectors_or_errors([*bad, *records])
    assert [isinstance(each, Exception) for each in vectors] == [True] * 3 + [False] * 3
    expected = [output["embedding"] for output in predictor.predict_batch_json(records)]
    assert numpy.allclose(vectors[3:], expected, atol=1e-6)
    assert vectors[3].dtype == numpy.float32


@pytest.mark.parametrize("precision", ["bfloat16", "int8"])
def test_other_precisions_with_several_layers(precision) -> None:
    texts = TEXTS * 20
    exact = make_predictor(layers=[1, 2]).vectors_or_errors([{"text": text} for text in texts])
    predictor = make_predictor(layers=[1, 2])
    other = type(predictor)(
        predictor._model, predictor._dataset_reader, precision=precision, token_budget=64
    )
    outputs = other.predict_batch_json([{"text": text} for text in texts])
    found = numpy.array([output["embedding"] for output in outputs])
    lengths = numpy.linalg.norm(found, axis=1) * numpy.linalg.norm(exact, axis=1)
    assert ((found * exact).sum(1) / lengths > 0.99).all()


class TestRanking:
    def test_by_vectors(self) -> None:
        predictor = make_predictor()
        records = predictor.ranking_records(TEXTS[0], TEXTS)
        scores = predictor.ranking_scores(predictor.predict_batch_json(records))
        assert len(scores) == 3 and scores[0] == pytest.approx(1) == max(scores)

    @pytest.mark.parametrize("task", ["classification", "masked_lm"])
    def test_not_by_models_without_a_label_of_pairs(self, task, archive_of) -> None:
        assert not Predictor.from_path(archive_of(task)).can_rank

    def test_by_the_positive_label_of_pairs(self, archive_of) -> None:
        archive = load_archive(archive_of("classification"))
        predictor = Predictor.from_archive(archive, extra_args={"positive_label": "neutral"})
        outputs = predictor.predict_batch_json(predictor.ranking_records("Why?", TEXTS))
        place = list(predictor.labels).index("neutral")
        assert predictor.ranking_scores(outputs) == [each["probs"][place] for each in outputs]

    def test_by_the_next_sentence(self, archive_of) -> None:
        predictor = Predictor.from_path(archive_of("next_sentence_prediction"))
        outputs = predictor.predict_batch_json(predictor.ranking_records("Why?", TEXTS))
        assert predictor.ranking_scores(outputs) == [each["probs"][0] for each in outputs]
