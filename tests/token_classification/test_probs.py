"""The probabilities of all tags, for a record that asks for them."""

from typing import Any

import httpx
import pytest
import torch
from allennlp.predictors import Predictor
from transformers import BertForTokenClassification as PretrainedHead
from transformers import BertTokenizerFast

from tests.support import BERT, FIXTURES, assert_close

ARCHIVE = FIXTURES / "archives" / "token_classification.tar.gz"
TOKENS = ["Anna", "Berg", "flew", "unbelievably", "to", "Oslo", "."]


@pytest.fixture(scope="module")
def predictor() -> Any:
    return Predictor.from_path(ARCHIVE)


def tags_of(predictor: Any) -> list[str]:
    names = predictor._model.vocab.get_index_to_token_vocabulary("labels")
    return [names[index] for index in range(len(names))]


def test_they_are_those_of_hugging_face(predictor) -> None:
    tokenizer = BertTokenizerFast.from_pretrained(BERT)
    encoded = tokenizer(TOKENS, is_split_into_words=True, return_tensors="pt")
    tags = tags_of(predictor)
    theirs = PretrainedHead.from_pretrained(BERT, num_labels=len(tags)).eval()
    theirs.load_state_dict(predictor._model.state_dict())
    with torch.no_grad():
        probs = theirs(**encoded).logits[0].softmax(-1)
    words = encoded.word_ids()
    firsts = [words.index(number) for number in range(len(TOKENS))]
    expected = [dict(zip(tags, row)) for row in probs[firsts].tolist()]
    output = predictor.predict_json({"tokens": TOKENS, "probs": True})
    assert_close(output["probs"], expected, 1e-5)
    assert [max(each, key=each.__getitem__) for each in output["probs"]] == output["tags"]


def test_a_long_text_has_them_for_each_token(predictor) -> None:
    output = predictor.predict_json({"tokens": TOKENS * 150, "probs": True})
    assert len(output["probs"]) == len(output["tags"]) == 150 * len(TOKENS)
    assert all(sum(each.values()) == pytest.approx(1) for each in output["probs"])


@pytest.mark.parametrize("aggregation", ["average", "max"])
def test_they_follow_the_aggregation(aggregation) -> None:
    other: Any = Predictor.from_path(ARCHIVE, aggregation=aggregation, output_scheme="BIOES")
    output = other.predict_json({"tokens": TOKENS, "probs": True})
    assert set(output["probs"][0]) == set(tags_of(other))
    assert all(sum(each.values()) == pytest.approx(1) for each in output["probs"])


def test_the_record_that_asks_gets_them_alone(predictor, serve) -> None:
    records = [{"text": "Anna flew to Oslo.", "probs": probs} for probs in (True, False, "yes")]
    records += [{"text": "Oslo"}, {"tokens": TOKENS, "probs": True}]
    given = predictor.predict_batch_json(records)
    served = httpx.post(f"{serve(predictor)}/predict_batch", json=records).json()
    assert_close(served, given)
    assert ["probs" in output for output in given] == [True, False, False, False, True]
    assert given[2] == {"error": '`probs`: expected true or false, got a string ("yes").'}
    assert [len(given[index]["probs"]) for index in (0, 4)] == [5, 7]
    assert given[1].items() < given[0].items()
